/* A session over a real socket, with a host that echoes: bounds, order, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "common/wire.h"
#include "daemon/client_session.h"

#define TURNS_LIMIT 20000

struct fixture {
    uv_loop_t loop;
    uv_pipe_t server;
    uv_idle_t idle;
    struct session_host host;
    struct client_session *session; /* NULL: none, or closed */
    char folder[64], path[96];
    int client;
    int n_handled, n_in_turn, most_in_turn;
    bool held_back; /* turns do not release */
    bool answer_later;
};

/* ---- the host ---- */

static void on_handle(void *context, struct client_session *session, const char *method,
                      const cJSON *params, struct session_answer *ret_answer)
{
    struct fixture *fixture = context;

    (void)session;
    fixture->n_handled++;
    fixture->n_in_turn++;
    if (strcmp(method, "later") == 0) {
        ret_answer->ok = ret_answer->later = true;
        fixture->answer_later = true;
        return;
    }
    if (strcmp(method, "fail") == 0) {
        ret_answer->code = WIRE_CODE_FAILED;
        error_set_at(&ret_answer->error, ERROR_INVALID, "a.b", "is wrong");
        ret_answer->diagnostics = cJSON_Parse("[{\"path\":\"a.b\",\"message\":\"is wrong\"}]");
        return;
    }
    ret_answer->ok = true;
    ret_answer->uncommitted = strcmp(method, "write") == 0;
    ret_answer->result = cJSON_CreateObject();
    json_add_text(ret_answer->result, "method", method);
    if (strcmp(method, "large") == 0) {
        size_t size = (size_t)json_integer(params, "size", 0);
        char *text = malloc(size + 1);
        memset(text, 'x', size);
        text[size] = 0;
        json_add_text(ret_answer->result, "text", text);
        free(text);
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_wake(void *context)
{
    struct fixture *fixture = context;

    uv_idle_start(&fixture->idle, on_idle);
}

static void on_closed(void *context, struct client_session *session)
{
    struct fixture *fixture = context;

    assert_ptr_equal(session, fixture->session);
    fixture->session = NULL;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct fixture *fixture = server->data;
    struct error error;

    assert_int_equal(status, 0);
    assert_true(client_session_accept(server, &fixture->host, &fixture->session, &error));
    client_session_start(fixture->session, "{\"hello\":1}\n");
}

/* ---- turns ---- */

static void turn(struct fixture *fixture)
{
    fixture->n_in_turn = 0;
    uv_idle_stop(&fixture->idle);
    if (fixture->session && client_session_busy(fixture->session))
        client_session_step(fixture->session);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    if (fixture->session && !fixture->held_back)
        client_session_release(fixture->session);
    if (fixture->n_in_turn > fixture->most_in_turn)
        fixture->most_in_turn = fixture->n_in_turn;
}

static void turns(struct fixture *fixture, int n)
{
    for (int i = 0; i < n; i++)
        turn(fixture);
}

static void say(const struct fixture *fixture, const char *text)
{
    assert_int_equal(send(fixture->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void ask(const struct fixture *fixture, int id, const char *method)
{
    char line[128];

    snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\"}\n", id, method);
    say(fixture, line);
}

/* Up to the end of the line and no further; as recv(2). */
static ssize_t receive_piece(const struct fixture *fixture, char *piece, size_t size)
{
    ssize_t got = recv(fixture->client, piece, size, MSG_DONTWAIT | MSG_PEEK);
    const char *end = got > 0 ? memchr(piece, '\n', (size_t)got) : NULL;

    if (got <= 0)
        return got;
    return recv(fixture->client, piece, end ? (size_t)(end - piece) + 1 : (size_t)got,
                MSG_DONTWAIT);
}

/* One line of what the session sent, without its newline; "" at the end of the stream. */
static const char *hear(struct fixture *fixture, char *line, size_t size)
{
    size_t n = 0;

    for (int idle = 0; idle < TURNS_LIMIT && n + 1 < size;) {
        ssize_t got = receive_piece(fixture, line + n, size - 1 - n);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            break;
        if (got < 0) {
            turn(fixture);
            idle++;
            continue;
        }
        n += (size_t)got;
        if (line[n - 1] == '\n') {
            n--;
            break;
        }
    }
    line[n] = 0;
    return line;
}

static void connect_client(struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    fixture->client = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
    assert_int_equal(connect(fixture->client, (struct sockaddr *)&address, sizeof(address)), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char line[64];

    *state = fixture;
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/nightjar-session-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->folder);
    uv_loop_init(&fixture->loop);
    uv_pipe_init(&fixture->loop, &fixture->server, 0);
    uv_idle_init(&fixture->loop, &fixture->idle);
    fixture->server.data = fixture;
    fixture->host = (struct session_host){
        .loop = &fixture->loop,
        .handle = on_handle,
        .wake = on_wake,
        .closed = on_closed,
        .context = fixture,
        .read_buffer = malloc(SESSION_READ_SIZE),
    };
    assert_int_equal(uv_pipe_bind(&fixture->server, fixture->path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&fixture->server, 4, on_connection), 0);
    connect_client(fixture);
    assert_string_equal(hear(fixture, line, sizeof(line)), "{\"hello\":1}");
    assert_non_null(fixture->session);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->session)
        client_session_close(fixture->session);
    uv_close((uv_handle_t *)&fixture->server, NULL);
    uv_close((uv_handle_t *)&fixture->idle, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    close(fixture->client);
    unlink(fixture->path);
    rmdir(fixture->folder);
    free(fixture->host.read_buffer);
    free(fixture);
    return 0;
}

/* ---- the tests ---- */

static void request_is_answered_with_its_id(void **state)
{
    struct fixture *fixture = *state;
    char line[256];

    ask(fixture, 7, "echo");
    assert_string_equal(hear(fixture, line, sizeof(line)),
                        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"method\":\"echo\"}}");
}

static void replies_are_held_until_released(void **state)
{
    struct fixture *fixture = *state;
    char byte, line[256];

    fixture->held_back = true;
    ask(fixture, 1, "write");
    turns(fixture, 10);
    assert_int_equal(fixture->n_handled, 1);
    assert_int_equal(recv(fixture->client, &byte, 1, MSG_DONTWAIT), -1);
    fixture->held_back = false;
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"id\":1"));
}

static void failed_commit_turns_only_what_rests_on_it_into_errors(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    char line[512];

    fixture->held_back = true;
    ask(fixture, 1, "read");
    ask(fixture, 2, "write");
    ask(fixture, 3, "write");
    turns(fixture, 10);
    error_set(&error, ERROR_NO_SPACE, "the disk is full");
    client_session_fail(fixture->session, &error);
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"result\":{\"method\":\"read\"}"));
    for (int id = 2; id <= 3; id++) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "\"id\":%d", id);
        assert_non_null(strstr(hear(fixture, line, sizeof(line)), wanted));
        assert_non_null(strstr(line, "\"kind\":\"NO_SPACE\""));
        assert_null(strstr(line, "result"));
    }
}

static void failure_carries_kind_path_and_diagnostics(void **state)
{
    struct fixture *fixture = *state;
    char line[512];

    ask(fixture, 1, "fail");
    hear(fixture, line, sizeof(line));
    assert_non_null(strstr(line, "\"kind\":\"INVALID\""));
    assert_non_null(strstr(line, "\"path\":\"a.b\""));
    assert_non_null(strstr(line, "\"diagnostics\":[{\"path\":\"a.b\",\"message\":\"is wrong\"}]"));
}

static void garbage_is_answered_and_the_client_closed(void **state)
{
    struct fixture *fixture = *state;
    char line[512];

    say(fixture, "GET / HTTP/1.1\r\n");
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "-32700"));
    assert_string_equal(hear(fixture, line, sizeof(line)), "");
    assert_null(fixture->session);
}

static void overlong_line_is_refused_before_it_ends(void **state)
{
    struct fixture *fixture = *state;
    char line[512];
    char part[4096];
    size_t sent = 0;

    memset(part, 'x', sizeof(part));
    while (fixture->session && sent < 4 * (size_t)WIRE_FRAME_LIMIT) {
        ssize_t n = send(fixture->client, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
        turn(fixture);
    }
    assert_null(fixture->session);
    assert_true(sent < 2 * (size_t)WIRE_FRAME_LIMIT);
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "INVALID"));
}

static void half_a_line_waits_without_being_handled(void **state)
{
    struct fixture *fixture = *state;
    char line[256];

    say(fixture, "{\"jsonrpc\":\"2.0\",\"id\":1,\"meth");
    turns(fixture, 20);
    assert_int_equal(fixture->n_handled, 0);
    assert_non_null(fixture->session);
    say(fixture, "od\":\"echo\"}\n");
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"id\":1"));
}

static void request_without_id_is_refused_and_the_session_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char line[256];

    say(fixture, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n");
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "-32600"));
    ask(fixture, 2, "echo");
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"id\":2"));
}

static void one_turn_handles_a_bounded_number_and_all_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    char line[256], wanted[32];

    for (int id = 1; id <= 200; id++)
        ask(fixture, id, "echo");
    for (int id = 1; id <= 200; id++) {
        snprintf(wanted, sizeof(wanted), "\"id\":%d,", id);
        assert_non_null(strstr(hear(fixture, line, sizeof(line)), wanted));
    }
    assert_int_equal(fixture->most_in_turn, SESSION_REQUESTS_PER_TURN);
}

static void requests_before_the_end_of_input_are_answered(void **state)
{
    struct fixture *fixture = *state;
    char line[256];

    for (int id = 1; id <= 100; id++)
        ask(fixture, id, "echo");
    shutdown(fixture->client, SHUT_WR);
    for (int id = 1; id <= 100; id++)
        assert_non_null(strstr(hear(fixture, line, sizeof(line)), "result"));
    assert_string_equal(hear(fixture, line, sizeof(line)), "");
    assert_null(fixture->session);
}

static void client_that_does_not_read_is_not_read_from(void **state)
{
    struct fixture *fixture = *state;
    char line[128];

    for (int id = 1; id <= 100; id++) {
        snprintf(
            line, sizeof(line),
            "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"large\",\"params\":{\"size\":100000}}\n",
            id);
        say(fixture, line);
    }
    turns(fixture, 500);
    assert_non_null(fixture->session);
    /* a little over the bound, and what the socket itself holds */
    assert_in_range(fixture->n_handled, 5, 60);

    static char reply[200000];
    for (int id = 1; id <= 100; id++)
        assert_true(strlen(hear(fixture, reply, sizeof(reply))) > 100000);
    assert_int_equal(fixture->n_handled, 100);
}

static void watcher_that_does_not_read_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    static char line[64 * 1024];
    int n = 0;

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (; fixture->session && n < 1000; n++) {
        client_session_tell(fixture->session, line, sizeof(line));
        turn(fixture);
    }
    assert_null(fixture->session);
    assert_true((size_t)n * sizeof(line) < 2 * SESSION_OUTPUT_LIMIT);
}

static void answer_too_long_for_one_message_becomes_an_error(void **state)
{
    struct fixture *fixture = *state;
    char line[512];

    say(fixture,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"large\",\"params\":{\"size\":2000000}}\n");
    hear(fixture, line, sizeof(line));
    assert_non_null(strstr(line, "ask for less"));
}

static void later_answer_keeps_the_order(void **state)
{
    struct fixture *fixture = *state;
    char line[256];

    ask(fixture, 1, "later");
    ask(fixture, 2, "echo");
    turns(fixture, 20);
    assert_true(fixture->answer_later);
    assert_int_equal(fixture->n_handled, 1);
    struct session_answer answer = {.ok = true};
    client_session_answer(fixture->session, &answer);
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"id\":1"));
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"id\":2"));
}

static void client_that_vanishes_is_forgotten(void **state)
{
    struct fixture *fixture = *state;

    ask(fixture, 1, "echo");
    close(fixture->client);
    fixture->client = -1;
    turns(fixture, 50);
    assert_null(fixture->session);
}

static void request_that_came_with_the_connection_is_answered_with_the_greeting(void **state)
{
    struct fixture *fixture = *state;
    char lines[512];

    close(fixture->client);
    turns(fixture, 50);
    assert_null(fixture->session);
    connect_client(fixture);
    ask(fixture, 7, "echo");
    turn(fixture);
    ssize_t size = recv(fixture->client, lines, sizeof(lines) - 1, MSG_DONTWAIT);
    assert_true(size > 0);
    lines[size] = 0;
    assert_ptr_equal(strstr(lines, "{\"hello\":1}\n"), lines);
    assert_non_null(strstr(lines, "\"id\":7"));
}

static void notification_leaves_behind_the_replies_that_are_held(void **state)
{
    struct fixture *fixture = *state;
    char line[256];

    fixture->held_back = true;
    ask(fixture, 1, "echo");
    turns(fixture, 20);
    client_session_tell(fixture->session, "{\"told\":1}\n", strlen("{\"told\":1}\n"));
    fixture->held_back = false;
    assert_non_null(strstr(hear(fixture, line, sizeof(line)), "\"id\":1"));
    assert_string_equal(hear(fixture, line, sizeof(line)), "{\"told\":1}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_is_answered_with_its_id),
        TEST(replies_are_held_until_released),
        TEST(failed_commit_turns_only_what_rests_on_it_into_errors),
        TEST(failure_carries_kind_path_and_diagnostics),
        TEST(garbage_is_answered_and_the_client_closed),
        TEST(overlong_line_is_refused_before_it_ends),
        TEST(half_a_line_waits_without_being_handled),
        TEST(request_without_id_is_refused_and_the_session_goes_on),
        TEST(one_turn_handles_a_bounded_number_and_all_are_answered_in_order),
        TEST(requests_before_the_end_of_input_are_answered),
        TEST(client_that_does_not_read_is_not_read_from),
        TEST(watcher_that_does_not_read_is_dropped),
        TEST(answer_too_long_for_one_message_becomes_an_error),
        TEST(later_answer_keeps_the_order),
        TEST(client_that_vanishes_is_forgotten),
        TEST(request_that_came_with_the_connection_is_answered_with_the_greeting),
        TEST(notification_leaves_behind_the_replies_that_are_held),
    };

    signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
