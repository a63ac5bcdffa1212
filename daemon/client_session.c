/*
 * A session is: reading -> (paused while its output is long) -> ending (no more input, output
 * drains) -> closing (libuv's callback frees it).
 */
#include "daemon/client_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/wire.h"

#define KEPT_SIZE ((size_t)16 * 1024) /* an empty buffer gives larger memory back */

struct held_reply {
    cJSON *id;          /* owned; NULL: null */
    size_t begin, size; /* in `held` */
    bool uncommitted;
};

struct client_session {
    struct client_session_public public;
    uv_pipe_t pipe;
    const struct session_host *host; /* borrowed */
    struct wire_decoder input;
    struct buffer held; /* replies that wait for the commit */
    struct held_reply *reply;
    size_t n_replies, capacity;
    cJSON *later_id; /* owned; of the request that is answered later */
    bool later, reading, more, ending, closing;
};

struct session_write {
    uv_write_t request;
    struct client_session *session;
    char data[];
};

static void pass_on(struct client_session *session);

struct client_session_public *client_session_public(struct client_session *session)
{
    return &session->public;
}

/* ---- the end
 * -------------------------------------------------------------------------------- */

static void forget_replies(struct client_session *session)
{
    for (size_t i = 0; i < session->n_replies; i++)
        json_free(&session->reply[i].id);
    session->n_replies = 0;
    if (session->held.capacity > KEPT_SIZE)
        buffer_release(&session->held);
    buffer_clear(&session->held);
}

static void on_closed(uv_handle_t *handle)
{
    struct client_session *session = handle->data;

    forget_replies(session);
    free(session->reply);
    json_free(&session->later_id);
    buffer_release(&session->held);
    wire_decoder_release(&session->input);
    free(session);
}

void client_session_close(struct client_session *session)
{
    if (session->closing)
        return;
    session->closing = true;
    session->host->closed(session->host->context, session);
    uv_close((uv_handle_t *)&session->pipe, on_closed);
}

static size_t unsent(const struct client_session *session)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&session->pipe);
}

static void close_if_done(struct client_session *session)
{
    if (session->ending && !session->more && !session->later && session->n_replies == 0 &&
        unsent(session) == 0)
        client_session_close(session);
}

static void stop_reading(struct client_session *session)
{
    if (session->reading)
        uv_read_stop((uv_stream_t *)&session->pipe);
    session->reading = false;
}

void client_session_end(struct client_session *session)
{
    stop_reading(session);
    session->ending = true;
    if (!session->closing)
        close_if_done(session);
}

/* ---- output
 * --------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    scoped(memory_free) struct session_write *write = (struct session_write *)request;
    struct client_session *session = write->session;

    if (session->closing)
        return;
    if (status < 0) {
        client_session_close(session);
        return;
    }
    pass_on(session);
    close_if_done(session);
}

/* Takes the id. */
static bool remember_reply(struct client_session *session, const struct held_reply *held,
                           struct error *error)
{
    if (session->n_replies == session->capacity) {
        size_t capacity = session->capacity ? 2 * session->capacity : 4;
        struct held_reply *reply = realloc(session->reply, capacity * sizeof(*reply));
        if (!reply) {
            cJSON_Delete(held->id);
            return error_set(error, ERROR_NO_MEMORY, "answering");
        }
        session->reply = reply;
        session->capacity = capacity;
    }
    session->reply[session->n_replies++] = *held;
    return true;
}

/* A line that rests on no transaction. */
static bool hold_line(struct client_session *session, const char *line, size_t size)
{
    struct held_reply held = {.begin = session->held.size, .size = size};
    struct error error;

    return buffer_append(&session->held, line, size, &error) &&
           remember_reply(session, &held, &error);
}

/* What the socket does not take yet; libuv sends it when it does. */
static bool queue_data(struct client_session *session, const char *data, size_t size)
{
    scoped(memory_free) struct session_write *write = malloc(sizeof(*write) + size);

    if (!write)
        return false;
    write->session = session;
    memcpy(write->data, data, size);
    uv_buf_t part = uv_buf_init(write->data, (unsigned)size);
    if (uv_write(&write->request, (uv_stream_t *)&session->pipe, &part, 1, on_written) != 0)
        return false;
    (void)take(&write);
    return true;
}

static void send_data(struct client_session *session, char *data, size_t size)
{
    uv_buf_t part = uv_buf_init(data, (unsigned)size);
    int sent = uv_try_write((uv_stream_t *)&session->pipe, &part, 1);

    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0 ||
        ((size_t)sent < size && !queue_data(session, data + sent, size - (size_t)sent))) {
        client_session_close(session);
        return;
    }
    if (unsent(session) > SESSION_OUTPUT_LIMIT) {
        log_warning("a client that does not read was dropped");
        client_session_close(session);
        return;
    }
    pass_on(session);
}

void client_session_release(struct client_session *session)
{
    if (session->closing || session->n_replies == 0)
        return;
    send_data(session, session->held.data, session->held.size);
    if (session->closing)
        return;
    forget_replies(session);
    close_if_done(session);
}

void client_session_tell(struct client_session *session, const char *line, size_t size)
{
    bool first = session->n_replies == 0;

    if (session->closing || session->ending)
        return;
    if (!hold_line(session, line, size))
        client_session_close(session);
    else if (first)
        client_session_release(session);
}

static bool hold_failure(struct buffer *out, const cJSON *id, int code, const struct error *failure,
                         const cJSON *diagnostics, struct error *error)
{
    if (!diagnostics)
        return wire_failure(out, id, code, failure, error);

    scoped(buffer_release) struct buffer line = {0};
    scoped(json_free) cJSON *message = NULL;
    if (!wire_failure(&line, id, code, failure, error) ||
        !json_parse(line.data, line.size, &message, error))
        return false;
    cJSON *data = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(message, "error"), "data");
    cJSON *copy = cJSON_Duplicate(diagnostics, true);
    if (!json_add_item(data, "diagnostics", &copy))
        return error_set(error, ERROR_NO_MEMORY, "answering");
    return json_print(message, out, error) && buffer_append(out, "\n", 1, error);
}

void client_session_fail(struct client_session *session, const struct error *failure)
{
    scoped(buffer_release) struct buffer out = {0};
    struct error error;
    bool ok = true;

    if (session->closing || session->n_replies == 0)
        return;
    for (size_t i = 0; i < session->n_replies && ok; i++) {
        const struct held_reply *reply = &session->reply[i];
        ok = reply->uncommitted
                 ? wire_failure(&out, reply->id, WIRE_CODE_FAILED, failure, &error)
                 : buffer_append(&out, session->held.data + reply->begin, reply->size, &error);
    }
    forget_replies(session);
    if (ok)
        send_data(session, out.data, out.size);
    else
        client_session_close(session);
    if (!session->closing)
        close_if_done(session);
}

/* ---- replies that wait for the commit
 * -------------------------------------------------------------------------------- */

static bool print_answer(struct client_session *session, const cJSON *id,
                         struct session_answer *answer, struct error *error)
{
    size_t begin = session->held.size;

    if (!answer->ok)
        return hold_failure(&session->held, id, answer->code, &answer->error, answer->diagnostics,
                            error);
    if (wire_result(&session->held, id, &answer->result, error) &&
        session->held.size - begin <= WIRE_FRAME_LIMIT)
        return true;
    session->held.size = begin; /* too long, or no memory for all of it: an error is short */
    error_set(&answer->error, ERROR_INVALID,
              "the answer is longer than one message may be (%d bytes); ask for less",
              WIRE_FRAME_LIMIT);
    return wire_failure(&session->held, id, WIRE_CODE_FAILED, &answer->error, error);
}

/* Takes the id and what the answer owns. */
static void hold_answer(struct client_session *session, cJSON *id, struct session_answer *answer)
{
    struct held_reply reply = {
        .id = id, .begin = session->held.size, .uncommitted = answer->uncommitted};
    struct error error;

    bool ok = print_answer(session, id, answer, &error);
    json_free(&answer->result);
    json_free(&answer->diagnostics);
    reply.size = session->held.size - reply.begin;
    if (!ok)
        json_free(&reply.id);
    if (!ok || !remember_reply(session, &reply, &error)) {
        client_session_close(session);
        return;
    }
    session->host->wake(session->host->context);
}

static void hold_refusal(struct client_session *session, const cJSON *id, int code,
                         enum error_kind kind, const char *reason)
{
    struct session_answer answer = {.code = code};

    error_set(&answer.error, kind, "%s", reason);
    hold_answer(session, id ? cJSON_Duplicate(id, true) : NULL, &answer);
}

void client_session_answer(struct client_session *session, struct session_answer *answer)
{
    session->later = false;
    hold_answer(session, take(&session->later_id), answer);
    if (!session->closing)
        pass_on(session);
}

/* ---- input
 * ---------------------------------------------------------------------------------- */

static void handle_message(struct client_session *session, const cJSON *message)
{
    struct session_answer answer = {0};
    const cJSON *id = json_member(message, "id");
    const char *method = json_text(message, "method", NULL);

    if (!id || (!cJSON_IsNumber(id) && !cJSON_IsString(id))) {
        hold_refusal(session, NULL, WIRE_CODE_REQUEST, ERROR_INVALID, "a request needs an id");
        return;
    }
    if (!method) {
        hold_refusal(session, id, WIRE_CODE_REQUEST, ERROR_INVALID, "a request needs a method");
        return;
    }
    cJSON *copy = cJSON_Duplicate(id, true);
    if (!copy) {
        client_session_close(session);
        return;
    }
    session->host->handle(session->host->context, session, method, json_member(message, "params"),
                          &answer);
    if (answer.later) {
        session->later = true;
        session->later_id = copy;
        return;
    }
    hold_answer(session, copy, &answer);
}

/* Also a line that there was no memory for: where it ends is not known any more. */
static void refuse_line(struct client_session *session, const struct error *error)
{
    char text[256];

    stop_reading(session);
    wire_decoder_release(&session->input);
    session->input = (struct wire_decoder){0};
    session->more = false;
    session->ending = true;
    hold_refusal(session, NULL, error->kind == ERROR_NO_MEMORY ? WIRE_CODE_FAILED : WIRE_CODE_PARSE,
                 error->kind, error_describe(error, text, sizeof(text)));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *part);

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_part)
{
    const struct client_session *session = handle->data;

    (void)suggested;
    *ret_part = uv_buf_init(session->host->read_buffer, (unsigned)SESSION_READ_SIZE);
}

static void start_reading(struct client_session *session)
{
    if (!session->reading && !session->ending)
        session->reading = uv_read_start((uv_stream_t *)&session->pipe, on_space, on_read) == 0;
}

void client_session_step(struct client_session *session)
{
    struct error error;

    session->more = false;
    for (int i = 0; !session->closing && !session->later; i++) {
        scoped(json_free) cJSON *message = NULL;
        if (i == SESSION_REQUESTS_PER_TURN || unsent(session) > SESSION_OUTPUT_PAUSE ||
            session->held.size > SESSION_OUTPUT_PAUSE) {
            session->more = session->input.buffer.size > 0;
            break;
        }
        if (!wire_decoder_next(&session->input, &message, &error)) {
            refuse_line(session, &error);
            return;
        }
        if (!message)
            break;
        handle_message(session, message);
    }
    if (session->closing)
        return;
    if (session->input.buffer.size == 0 && session->input.buffer.capacity > KEPT_SIZE)
        buffer_release(&session->input.buffer);
    if (session->more || session->later)
        stop_reading(session);
    else if (unsent(session) <= SESSION_OUTPUT_PAUSE)
        start_reading(session); /* it was stopped before what came meanwhile was looked at */
    if (session->more)
        session->host->wake(session->host->context);
    close_if_done(session);
}

bool client_session_busy(const struct client_session *session)
{
    return session->more && !session->closing && unsent(session) <= SESSION_OUTPUT_PAUSE;
}

static void take_input(struct client_session *session, const char *data, size_t size)
{
    struct error error;

    if (!wire_decoder_feed(&session->input, data, size, &error)) {
        refuse_line(session, &error);
        return;
    }
    client_session_step(session);
    if (!session->closing && unsent(session) > SESSION_OUTPUT_PAUSE)
        stop_reading(session);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *part)
{
    struct client_session *session = stream->data;

    if (size > 0)
        take_input(session, part->base, (size_t)size);
    else if (size == UV_EOF)
        client_session_end(session);
    else if (size < 0)
        client_session_close(session);
}

/* Goes on where the bound on output or a later answer had stopped it. */
static void pass_on(struct client_session *session)
{
    if (unsent(session) > SESSION_OUTPUT_PAUSE || session->later)
        return;
    if (session->input.buffer.size > 0 && !session->reading) {
        session->more = true;
        session->host->wake(session->host->context);
        return;
    }
    start_reading(session);
}

/* ---- the beginning
 * -------------------------------------------------------------------------- */

static bool check_peer(uv_pipe_t *pipe, struct error *error)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return error_set_errno(error, errno, "asking who connects");
    if (peer.uid != geteuid() && peer.uid != 0)
        return error_set(error, ERROR_INVALID, "user %u may not use this queue",
                         (unsigned)peer.uid);
    return true;
}

bool client_session_accept(uv_stream_t *server, const struct session_host *host,
                           struct client_session **ret_session, struct error *error)
{
    struct client_session *session = calloc(1, sizeof(*session));

    if (!session)
        return error_set(error, ERROR_NO_MEMORY, "a new client");
    session->host = host;
    session->pipe.data = session;
    int code = uv_pipe_init(host->loop, &session->pipe, 0);
    if (code != 0) {
        free(session);
        return error_set(error, ERROR_IO, "a new client: %s", uv_strerror(code));
    }
    code = uv_accept(server, (uv_stream_t *)&session->pipe);
    if (code != 0)
        error_set(error, ERROR_IO, "a new client: %s", uv_strerror(code));
    if (code != 0 || !check_peer(&session->pipe, error)) {
        session->closing = true;
        uv_close((uv_handle_t *)&session->pipe, on_closed);
        return false;
    }
    *ret_session = session;
    return true;
}

/* A request that came along with the connection need not wait for the loop to find it. */
static void read_at_once(struct client_session *session)
{
    char *data = session->host->read_buffer;
    ssize_t size = -1;
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&session->pipe, &fd) == 0)
        size = recv(fd, data, SESSION_READ_SIZE, MSG_DONTWAIT);
    if (size > 0)
        take_input(session, data, (size_t)size);
}

/* The greeting leaves with the replies of this turn: a client wakes up once for all of them. */
void client_session_start(struct client_session *session, const char *greeting)
{
    if (!hold_line(session, greeting, strlen(greeting))) {
        client_session_close(session);
        return;
    }
    session->host->wake(session->host->context);
    pass_on(session);
    read_at_once(session);
}
