#include "client/connection.h"

#include "client/launch.h"
#include "common/clock.h"
#include "common/owner.h"
#include "common/wire.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define START_DEADLINE_MS 15000
#define START_AGAIN_MS 200
#define ASK_AGAIN_MS 1000 /* who was asked to start one may have failed */
#define LOOKS 2000        /* for an answer: about a millisecond of them */

struct connection {
    int fd;
    struct wire_decoder decoder;
    cJSON *refusal; /* owned: `data` of the last refusal; NULL: none */
    cJSON *kept;    /* owned: a list of notifications that came while a reply was awaited */
};

void connection_free(struct connection **connection)
{
    if (!*connection)
        return;
    descriptor_close(&(*connection)->fd);
    wire_decoder_release(&(*connection)->decoder);
    json_free(&(*connection)->kept);
    json_free(&(*connection)->refusal);
    memory_free(connection);
}

/* 0 or an errno. */
static int connect_once(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

static bool nobody_listens(int status)
{
    return status == ENOENT || status == ECONNREFUSED;
}

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

/* Whoever starts the daemon, ours or another client's, its socket appears within the deadline. Ours
 * may have found the home taken by one that was just ending: then another is started later. */
static bool start_and_connect(int fd, const char *home, const char *socket_path,
                              struct error *error)
{
    int64_t deadline = now_ms() + START_DEADLINE_MS, again = now_ms();
    long pause_ms = 1;
    pid_t child = 0;

    for (;;) {
        struct timespec pause = {.tv_nsec = pause_ms * 1000000};
        int status;

        if (child == 0 && now_ms() >= again) {
            if (!launch_daemon(home, &child, error))
                return false;
            again = now_ms() + (child ? START_AGAIN_MS : ASK_AGAIN_MS);
        }
        status = connect_once(fd, socket_path);
        if (status == 0)
            return true;
        if (!nobody_listens(status))
            return error_set_errno(error, status, "%s", socket_path);
        if (!launch_check(&child, home, error))
            return false;
        if (now_ms() > deadline)
            return error_set(error, ERROR_UNREACHABLE,
                             "the daemon was started but does not answer at %s; see %s/daemon.log",
                             socket_path, home);
        nanosleep(&pause, NULL);
        pause_ms = pause_ms < 32 ? pause_ms * 2 : 50;
    }
}

static bool may_start(bool start)
{
    const char *text = getenv("NIGHTJAR_NO_START");

    return start && !(text && *text && strcmp(text, "0") != 0);
}

bool connection_open(bool start, struct connection **ret, bool *ret_started, struct error *error)
{
    scoped(connection_free) struct connection *connection = calloc(1, sizeof(*connection));
    scoped(buffer_release) struct buffer home = {0}, socket_path = {0};
    bool started = false;
    int status;

    if (!connection)
        return error_set(error, ERROR_NO_MEMORY, "connecting to the daemon");
    connection->fd = -1;
    if (!wire_home(&home, error) || !wire_socket_path(home.data, &socket_path, error))
        return false;
    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return error_set_errno(error, errno, "connecting to the daemon");
    status = connect_once(connection->fd, socket_path.data);
    if (nobody_listens(status)) {
        if (!may_start(start))
            return error_set(error, ERROR_UNREACHABLE, "no daemon runs for %s", home.data);
        if (!start_and_connect(connection->fd, home.data, socket_path.data, error))
            return false;
        started = true;
    } else if (status != 0) {
        return error_set_errno(error, status, "%s", socket_path.data);
    }

    if (ret_started)
        *ret_started = started;
    *ret = take(&connection);
    return true;
}

static bool send_all(int fd, const char *data, size_t size, struct error *error)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        /* what the daemon said before it closed may tell why: the reader will find it */
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return true;
        if (sent < 0)
            return error_set_errno(error, errno, "asking the daemon");
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* An answer is there within some hundred microseconds, most of them the disk's: to fall asleep for
 * them and be woken again, on a processor that may have halted meanwhile, is a tenth of a whole
 * submission. So it is looked for at first, and in between the processor is offered to whoever
 * needs it. */
static ssize_t receive_soon(int fd, char *data, size_t size)
{
    for (int i = 0; i < LOOKS; i++) {
        ssize_t received = recv(fd, data, size, MSG_DONTWAIT);

        if (received >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return received;
        sched_yield();
    }
    return recv(fd, data, size, 0);
}

/* Blocks until something came. */
static bool receive(struct connection *connection, struct error *error)
{
    char data[4096];
    ssize_t size = receive_soon(connection->fd, data, sizeof(data));

    if (size > 0)
        return wire_decoder_feed(&connection->decoder, data, (size_t)size, error);
    if (size < 0 && errno == EINTR)
        return error_set(error, ERROR_CANCELLED, "interrupted");
    if (size < 0 && errno != ECONNRESET)
        return error_set_errno(error, errno, "listening to the daemon");
    return error_set(error, ERROR_UNREACHABLE, "the daemon closed the connection");
}

static bool check_greeting(const cJSON *message, struct error *error)
{
    const cJSON *params = json_member(message, "params");
    int64_t protocol = json_integer(params, "protocol", 0);

    if (protocol == WIRE_PROTOCOL)
        return true;
    return error_set(error, ERROR_INVALID,
                     "the daemon (%s) speaks protocol %lld, this nj %d: restart it with 'nj daemon "
                     "stop' of its own version",
                     json_text(params, "version", "unknown version"), (long long)protocol,
                     WIRE_PROTOCOL);
}

/* The next message that is no greeting; *ret NULL: none is complete yet. */
static bool decode(struct connection *connection, cJSON **ret, struct error *error)
{
    for (;;) {
        scoped(json_free) cJSON *message = NULL;

        if (!wire_decoder_next(&connection->decoder, &message, error))
            return error_wrap(error, "the daemon's answer");
        if (message && strcmp(json_text(message, "method", ""), "hello") == 0) {
            if (!check_greeting(message, error))
                return false;
            continue;
        }
        *ret = take(&message);
        return true;
    }
}

static bool keep(struct connection *connection, cJSON *message, struct error *error)
{
    if (!connection->kept)
        connection->kept = cJSON_CreateArray();
    if (connection->kept && cJSON_AddItemToArray(connection->kept, message))
        return true;
    cJSON_Delete(message);
    return error_set(error, ERROR_NO_MEMORY, "listening to the daemon");
}

const cJSON *connection_refusal(const struct connection *connection)
{
    return connection ? connection->refusal : NULL;
}

static bool refused(struct connection *connection, cJSON *message, struct error *error)
{
    wire_error_of(message, error);
    json_free(&connection->refusal);
    connection->refusal = cJSON_DetachItemFromObjectCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(message, "error"), "data");
    return false;
}

static bool receive_reply(struct connection *connection, int64_t id, cJSON **ret_result,
                          struct error *error)
{
    for (;;) {
        scoped(json_free) cJSON *message = NULL;

        if (!decode(connection, &message, error))
            return false;
        if (!message) {
            if (!receive(connection, error))
                return false;
            continue;
        }
        if (json_member(message, "method")) {
            if (!keep(connection, take(&message), error))
                return false;
            continue;
        }
        if (json_member(message, "error"))
            return refused(connection, message, error);
        if (json_integer(message, "id", -1) != id)
            continue;
        *ret_result = cJSON_DetachItemFromObjectCaseSensitive(message, "result");
        return *ret_result || error_set(error, ERROR_CORRUPT, "the daemon's answer has no result");
    }
}

bool connection_ask(struct connection *connection, const struct buffer *request, int64_t id,
                    cJSON **ret_result, struct error *error)
{
    return send_all(connection->fd, request->data, request->size, error) &&
           receive_reply(connection, id, ret_result, error);
}

static bool wait_readable(int fd, int64_t timeout_ms, bool *ret_ready, struct error *error)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int n = poll(&poll_fd, 1, timeout_ms < 0 ? -1 : (int)timeout_ms);

    if (n < 0 && errno == EINTR)
        return error_set(error, ERROR_CANCELLED, "interrupted");
    if (n < 0)
        return error_set_errno(error, errno, "listening to the daemon");
    *ret_ready = n > 0;
    return true;
}

bool connection_next(struct connection *connection, int64_t timeout_ms, cJSON **ret_message,
                     struct error *error)
{
    int64_t deadline = now_ms() + timeout_ms;

    *ret_message = connection->kept ? cJSON_DetachItemFromArray(connection->kept, 0) : NULL;
    while (!*ret_message) {
        bool ready = false;
        int64_t left = -1;

        if (!decode(connection, ret_message, error))
            return false;
        if (*ret_message)
            return true;
        if (timeout_ms >= 0) {
            left = deadline - now_ms();
            left = left < 0 ? 0 : left;
        }
        if (!wait_readable(connection->fd, left, &ready, error))
            return false;
        if (!ready)
            return true;
        if (!receive(connection, error))
            return false;
    }
    return true;
}
