/*
 * One client's connection: lines in, replies out, within bounds.
 *
 * Replies are held back until the host releases them (its commit succeeded) or fails them. A client
 * that sends something that is no request object gets an error and is closed. One that does not
 * read is first not read from either, then, when notifications pile up, dropped. At most
 * SESSION_REQUESTS_PER_TURN of its requests are handled in one turn of the loop, so that none
 * keeps the others waiting.
 */
#ifndef NIGHTJAR_DAEMON_CLIENT_SESSION_H
#define NIGHTJAR_DAEMON_CLIENT_SESSION_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define SESSION_REQUESTS_PER_TURN 32
#define SESSION_OUTPUT_PAUSE ((size_t)1024 * 1024)     /* unsent bytes: no more requests are read */
#define SESSION_OUTPUT_LIMIT ((size_t)8 * 1024 * 1024) /* unsent bytes: the client is dropped */
#define SESSION_READ_SIZE ((size_t)64 * 1024)

struct client_session;

struct session_answer {
    bool ok;
    bool later;         /* client_session_answer will be called; nothing else is handled before */
    bool uncommitted;   /* rests on this turn's transaction */
    cJSON *result;      /* owned; for ok. NULL: an empty object */
    int code;           /* for not ok: WIRE_CODE_... */
    struct error error; /* for not ok */
    cJSON *diagnostics; /* owned; for not ok. NULL: none */
};

/* What a session needs of the daemon; a test brings its own. */
struct session_host {
    uv_loop_t *loop;
    void (*handle)(void *context, struct client_session *session, const char *method,
                   const cJSON *params, struct session_answer *ret_answer);
    void (*wake)(void *context); /* replies are held or more is to be done: end this turn soon */
    /* frees what is the host's */
    void (*closed)(void *context, struct client_session *session);
    void *context;
    char *read_buffer; /* SESSION_READ_SIZE bytes, shared by all sessions */
};

/* Fields that the host may use; the rest is private. */
struct client_session_public {
    uint64_t serial;       /* never reused */
    void *watch;           /* the host's; NULL: does not watch */
    struct upload *upload; /* the host's: a batch that comes in parts; NULL: none */
    struct client_session *previous, *next;
};
struct client_session_public *client_session_public(struct client_session *session);

/* Accepts the waiting connection of `server`. INVALID: another user's. */
bool client_session_accept(uv_stream_t *server, const struct session_host *host,
                           struct client_session **ret_session, struct error *error);
/* Greets, in front of the first replies, and begins to read. */
void client_session_start(struct client_session *session, const char *greeting);
/* Handles what is waiting, up to the bound; for sessions that client_session_busy. */
void client_session_step(struct client_session *session);
bool client_session_busy(const struct client_session *session);
/* The answer of a request that was to be answered later. Takes what the answer owns. */
void client_session_answer(struct client_session *session, struct session_answer *answer);
/* The turn's commit succeeded: replies leave. */
void client_session_release(struct client_session *session);
/* The commit failed: replies that rest on it become this error, the others leave. */
void client_session_fail(struct client_session *session, const struct error *error);
/* A notification, behind the replies that are held. `line` with its newline. */
void client_session_tell(struct client_session *session, const char *line, size_t size);
/* Reads no more, closes when all is sent. */
void client_session_end(struct client_session *session);
/* Closes now; the session is freed by the loop, `closed` is called before that. */
void client_session_close(struct client_session *session);

#endif
