/*
 * What a client may ask: one file and one descriptor a method, listed in request.c. The protocol is
 * docs/protocol.md.
 */
#ifndef NIGHTJAR_DAEMON_REQUEST_REQUEST_H
#define NIGHTJAR_DAEMON_REQUEST_REQUEST_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "daemon/client_session.h"
#include "daemon/loop.h"

#include <stdbool.h>

struct request {
    struct daemon *daemon; /* borrowed, as all of these */
    struct client_session *session;
    const cJSON *params;            /* NULL: none */
    struct diagnostics diagnostics; /* sent with a failure */
    bool later;                     /* set by a handler that answers with client_session_answer */
};

struct request_kind {
    const char *name;
    bool large;  /* may take much memory, which is given back at the end of the turn */
    bool writes; /* handled inside the turn's transaction; undone when it fails */
    /* *ret_result NULL: an empty object. */
    bool (*handle)(struct request *request, cJSON **ret_result, struct error *error);
};

/* Alphabetical, ended by NULL. */
extern const struct request_kind *const request_kinds[];

/* Finds the method and handles it; for session_host. */
void request_handle(struct daemon *daemon, struct client_session *session, const char *method,
                    const cJSON *params, struct session_answer *ret_answer);
/* A required integer of the params. */
bool request_integer(const struct request *request, const char *name, int64_t *ret_value,
                     struct error *error);

extern const struct request_kind request_batches;
extern const struct request_kind request_best;
extern const struct request_kind request_cancel;
extern const struct request_kind request_clean;
extern const struct request_kind request_compare;
extern const struct request_kind request_daemon_backup;
extern const struct request_kind request_daemon_drain;
extern const struct request_kind request_daemon_reload;
extern const struct request_kind request_daemon_status;
extern const struct request_kind request_daemon_stop;
extern const struct request_kind request_daemon_undrain;
extern const struct request_kind request_edit;
extern const struct request_kind request_history;
extern const struct request_kind request_hold;
extern const struct request_kind request_list;
extern const struct request_kind request_note;
extern const struct request_kind request_pause;
extern const struct request_kind request_release;
extern const struct request_kind request_report;
extern const struct request_kind request_restart;
extern const struct request_kind request_resume;
extern const struct request_kind request_search;
extern const struct request_kind request_show;
extern const struct request_kind request_submit;
extern const struct request_kind request_submit_add;
extern const struct request_kind request_submit_begin;
extern const struct request_kind request_submit_commit;
extern const struct request_kind request_watch;
extern const struct request_kind request_why;

#endif
