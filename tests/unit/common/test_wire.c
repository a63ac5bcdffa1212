/* The wire: lines from any bytes in any pieces, errors that survive the way, and where things lie.
 */
#include "common/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/owner.h"

static void feed(struct wire_decoder *decoder, const char *text)
{
    struct error error;

    assert_true(wire_decoder_feed(decoder, text, strlen(text), &error));
}

/* The next message's member "n"; -1: more bytes are needed. */
static int64_t next(struct wire_decoder *decoder)
{
    scoped(json_free) cJSON *message = NULL;
    struct error error;

    if (!wire_decoder_next(decoder, &message, &error))
        fail_msg("%s", error.message);
    return message ? json_integer(message, "n", -2) : -1;
}

static void expect_refused(struct wire_decoder *decoder, const char *reason)
{
    struct error error = {0};
    cJSON *message = NULL;

    assert_false(wire_decoder_next(decoder, &message, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.message, reason));
}

/* ---- in ---- */

static void lines_come_out_whatever_the_pieces(void **state)
{
    const char *text = "{\"n\":1}\n{\"n\":2}\r\n\n  \n{\"n\":3}\n";
    size_t size = strlen(text);

    (void)state;
    for (size_t piece = 1; piece <= size; piece++) {
        scoped(wire_decoder_release) struct wire_decoder decoder = {0};
        struct error error;
        int64_t wanted = 1;
        for (size_t at = 0; at < size; at += piece) {
            size_t part = size - at < piece ? size - at : piece;
            assert_true(wire_decoder_feed(&decoder, text + at, part, &error));
            for (int64_t n; (n = next(&decoder)) != -1; wanted++)
                assert_int_equal(n, wanted);
        }
        assert_int_equal(wanted, 4);
    }
}

static void half_a_line_is_no_message(void **state)
{
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};

    (void)state;
    assert_int_equal(next(&decoder), -1);
    feed(&decoder, "{\"n\":1}");
    assert_int_equal(next(&decoder), -1);
    feed(&decoder, "\n{\"n\"");
    assert_int_equal(next(&decoder), 1);
    assert_int_equal(next(&decoder), -1);
    feed(&decoder, ":2}\n");
    assert_int_equal(next(&decoder), 2);
}

static void bad_line_is_consumed_and_the_next_one_read(void **state)
{
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};

    (void)state;
    feed(&decoder, "not json\n[1]\n7\n{\"n\":1}{\n{\"n\":5}\n");
    expect_refused(&decoder, "expected a value");
    expect_refused(&decoder, "has to be a JSON object");
    expect_refused(&decoder, "has to be a JSON object");
    expect_refused(&decoder, "something follows");
    assert_int_equal(next(&decoder), 5);
}

/* {"n":7,"x":"..."} of `size` bytes with its newline. */
static char *line_of(size_t size)
{
    char *line = malloc(size + 1);

    assert_non_null(line);
    assert_int_equal(snprintf(line, size + 1, "{\"n\":7,\"x\":\"%*s\"}\n", (int)size - 15, ""),
                     size);
    return line;
}

static void line_of_the_limit_passes_and_one_more_byte_does_not(void **state)
{
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};
    scoped(memory_free) char *longest = line_of(WIRE_FRAME_LIMIT);
    scoped(memory_free) char *longer = line_of(WIRE_FRAME_LIMIT + 1);
    struct error error;

    (void)state;
    feed(&decoder, longest);
    assert_int_equal(next(&decoder), 7);
    assert_int_equal(next(&decoder), -1);
    assert_true(decoder.buffer.capacity <= 64 * 1024);
    feed(&decoder, longer);
    expect_refused(&decoder, "more than 1048576 bytes");
    assert_null(decoder.buffer.data);
    expect_refused(&decoder, "more than 1048576 bytes");
    assert_false(wire_decoder_feed(&decoder, "x", 1, &error));
}

static void endless_line_is_refused_when_it_passes_the_limit(void **state)
{
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};
    scoped(memory_free) char *line = line_of(WIRE_FRAME_LIMIT + 1);

    (void)state;
    line[WIRE_FRAME_LIMIT - 1] = '\0';
    feed(&decoder, line);
    assert_int_equal(next(&decoder), -1);
    feed(&decoder, "x");
    expect_refused(&decoder, "more than 1048576 bytes");
}

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* With a search from the start for each byte, or a move of the rest for each line, these take
 * minutes; one look at each byte takes a fraction of a second even under sanitizers. */
static void hostile_pieces_cost_no_more_than_their_size(void **state)
{
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};
    scoped(memory_free) char *line = line_of(WIRE_FRAME_LIMIT);
    scoped(memory_free) char *many = malloc(WIRE_FRAME_LIMIT + 1);
    double start = processor_seconds();
    struct error error;
    int64_t n = 0;

    (void)state;
    for (size_t i = 0; i < WIRE_FRAME_LIMIT; i++) {
        assert_true(wire_decoder_feed(&decoder, line + i, 1, &error));
        if (i + 1 < WIRE_FRAME_LIMIT && i % 64 == 0)
            assert_int_equal(next(&decoder), -1);
    }
    assert_int_equal(next(&decoder), 7);
    for (size_t i = 0; i < WIRE_FRAME_LIMIT; i += 8)
        memcpy(many + i, "{\"n\":1}\n", 9);
    feed(&decoder, many);
    while (next(&decoder) == 1)
        n++;
    assert_int_equal(n, WIRE_FRAME_LIMIT / 8);
    assert_true(processor_seconds() - start < 10);
}

/* ---- out ---- */

static void calls_and_results_are_lines(void **state)
{
    scoped(buffer_release) struct buffer out = {0};
    scoped(json_free) cJSON *id = cJSON_CreateString("a\n1");
    struct error error;
    cJSON *value = cJSON_CreateObject(), *result = cJSON_CreateArray();

    (void)state;
    assert_true(json_add_text(value, "text", "two\nlines"));
    assert_true(wire_request(&out, 7, "submit", &value, &error));
    assert_null(value);
    assert_true(wire_request(&out, 8, "list", NULL, &error));
    assert_true(wire_notify(&out, "hello", &value, &error));
    assert_true(wire_result(&out, id, &result, &error));
    assert_null(result);
    assert_true(wire_result(&out, NULL, NULL, &error));
    assert_string_equal(out.data,
                        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"submit\",\"params\":{\"text\":"
                        "\"two\\nlines\"}}\n"
                        "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"list\",\"params\":{}}\n"
                        "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{}}\n"
                        "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n1\",\"result\":[]}\n"
                        "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}\n");
}

static void error_arrives_as_it_was_sent(void **state)
{
    scoped(buffer_release) struct buffer out = {0};
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};
    scoped(json_free) cJSON *id = cJSON_CreateNumber(3);
    scoped(json_free) cJSON *message = NULL;
    struct error sent, error, received;

    (void)state;
    error_set_errno(&sent, 28, "writing");
    snprintf(sent.path, sizeof(sent.path), "train.rate");
    sent.line = 12;
    assert_true(wire_failure(&out, id, WIRE_CODE_FAILED, &sent, &error));
    feed(&decoder, out.data);
    assert_true(wire_decoder_next(&decoder, &message, &error));
    assert_int_equal(json_integer(message, "id", -1), 3);
    assert_int_equal(json_integer(json_member(message, "error"), "code", 0), WIRE_CODE_FAILED);
    wire_error_of(message, &received);
    assert_memory_equal(&received, &sent, sizeof(sent.kind) + sizeof(sent.os_errno));
    assert_string_equal(received.message, sent.message);
    assert_string_equal(received.path, "train.rate");
    assert_int_equal(received.line, 12);
}

static void failure_without_particulars_is_internal(void **state)
{
    struct error received;
    cJSON *message = NULL;
    struct error error;

    (void)state;
    static const char *const texts[] = {"{}", "{\"error\":7}",
                                        "{\"error\":{\"data\":{\"kind\":\"NONE\",\"line\":-4}}}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_true(json_parse(texts[i], strlen(texts[i]), &message, &error));
        wire_error_of(message, &received);
        assert_int_equal(received.kind, ERROR_INTERNAL);
        assert_int_equal(received.line, 0);
        assert_true(received.message[0] != '\0');
        json_free(&message);
    }
}

static void message_over_the_limit_is_not_sent(void **state)
{
    scoped(buffer_release) struct buffer out = {0};
    scoped(memory_free) char *text = calloc(1, WIRE_FRAME_LIMIT);
    struct error error;
    cJSON *params = cJSON_CreateObject();

    (void)state;
    assert_true(wire_notify(&out, "first", NULL, &error));
    size_t size = out.size;
    memset(text, 'x', WIRE_FRAME_LIMIT - 1);
    assert_true(json_add_text(params, "text", text));
    assert_false(wire_request(&out, 1, "submit", &params, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_null(params);
    assert_int_equal(out.size, size);
    assert_int_equal(strlen(out.data), size);
}

/* ---- where things lie ---- */

static char base[64]; /* without links in it */

static int make_base(void **state)
{
    char path[] = "/tmp/nightjar-wire-XXXXXX";
    char *real = mkdtemp(path) ? realpath(path, NULL) : NULL;

    (void)state;
    if (!real)
        return -1;
    snprintf(base, sizeof(base), "%s", real);
    free(real);
    unsetenv("NIGHTJAR_HOME");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    return 0;
}

static int remove_base(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, base, &error) ? 0 : -1;
}

static void expect_home(const char *expected)
{
    scoped(buffer_release) struct buffer path = {0};
    struct error error;

    if (!wire_home(&path, &error))
        fail_msg("%s", error.message);
    assert_string_equal(path.data, expected);
}

static void home_follows_the_environment(void **state)
{
    char path[256], expected[256];

    (void)state;
    setenv("HOME", base, 1);
    snprintf(expected, sizeof(expected), "%s/.local/share/nightjar", base);
    expect_home(expected);
    setenv("XDG_DATA_HOME", "relative", 1);
    expect_home(expected);
    snprintf(path, sizeof(path), "%s/data", base);
    setenv("XDG_DATA_HOME", path, 1);
    snprintf(expected, sizeof(expected), "%s/data/nightjar", base);
    expect_home(expected);
    snprintf(path, sizeof(path), "%s//x/./y/", base);
    setenv("NIGHTJAR_HOME", path, 1);
    snprintf(expected, sizeof(expected), "%s/x/y", base);
    expect_home(expected);
    setenv("NIGHTJAR_HOME", "/", 1);
    expect_home("/");
}

static void home_that_no_message_can_name_is_refused(void **state)
{
    scoped(buffer_release) struct buffer home = {0};
    struct error error;

    (void)state;
    setenv("NIGHTJAR_HOME", "/tmp/caf\xe9", 1);
    assert_false(wire_home(&home, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.message, "UTF-8"));
}

static void relative_home_is_below_the_working_directory(void **state)
{
    char expected[256], before[256];

    (void)state;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(base), 0);
    setenv("NIGHTJAR_HOME", "lab", 1);
    snprintf(expected, sizeof(expected), "%s/lab", base);
    expect_home(expected);
    assert_int_equal(chdir(before), 0);
}

/* A client that asks before the home is made and one that comes through a link mean one daemon. */
static void home_has_one_name_however_it_is_reached(void **state)
{
    char link[256], path[300], expected[256];
    struct error error;

    (void)state;
    snprintf(expected, sizeof(expected), "%s/real", base);
    snprintf(link, sizeof(link), "%s/link", base);
    assert_true(file_make_folders(expected, &error));
    assert_int_equal(symlink(expected, link), 0);
    snprintf(path, sizeof(path), "%s/deep/home", link);
    snprintf(expected, sizeof(expected), "%s/real/deep/home", base);
    setenv("NIGHTJAR_HOME", path, 1);
    expect_home(expected);
    assert_true(file_make_folders(expected, &error));
    expect_home(expected);
}

static void socket_lies_in_the_runtime_folder(void **state)
{
    scoped(buffer_release) struct buffer first = {0};
    scoped(buffer_release) struct buffer second = {0};
    struct stat status;
    struct error error;
    char path[128];

    (void)state;
    setenv("XDG_RUNTIME_DIR", base, 1);
    assert_true(wire_socket_path("/home/a", &first, &error));
    assert_true(wire_socket_path("/home/b", &second, &error));
    snprintf(path, sizeof(path), "%s/nightjar/", base);
    assert_memory_equal(first.data, path, strlen(path));
    assert_string_equal(first.data + first.size - 5, ".sock");
    assert_int_equal(first.size, second.size);
    assert_string_not_equal(first.data, second.data);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_true(wire_socket_path("/home/a", &second, &error));
    assert_string_equal(first.data, second.data);
}

static void too_long_a_runtime_folder_gives_way_to_tmp(void **state)
{
    scoped(buffer_release) struct buffer path = {0};
    char runtime[256], expected[64];
    struct error error;

    (void)state;
    int size = snprintf(runtime, sizeof(runtime), "%s/", base);
    memset(runtime + size, 'x', 90);
    runtime[size + 90] = '\0';
    assert_true(file_make_folders(runtime, &error));
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_true(wire_socket_path("/home/a", &path, &error));
    assert_true(path.size <= 107);
    snprintf(expected, sizeof(expected), "/tmp/nightjar-%u/", geteuid());
    assert_memory_equal(path.data, expected, strlen(expected));
}

static void socket_folder_that_others_may_enter_is_refused(void **state)
{
    scoped(buffer_release) struct buffer path = {0};
    struct error error;
    char folder[128];

    (void)state;
    setenv("XDG_RUNTIME_DIR", base, 1);
    snprintf(folder, sizeof(folder), "%s/nightjar", base);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_false(wire_socket_path("/home/a", &path, &error));
    assert_non_null(strstr(error.message, "only its owner may enter"));
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(symlink("/tmp", folder), 0);
    assert_false(wire_socket_path("/home/a", &path, &error));
    assert_null(path.data);
}

#define with_base(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_whatever_the_pieces),
        cmocka_unit_test(half_a_line_is_no_message),
        cmocka_unit_test(bad_line_is_consumed_and_the_next_one_read),
        cmocka_unit_test(line_of_the_limit_passes_and_one_more_byte_does_not),
        cmocka_unit_test(endless_line_is_refused_when_it_passes_the_limit),
        cmocka_unit_test(hostile_pieces_cost_no_more_than_their_size),
        cmocka_unit_test(calls_and_results_are_lines),
        cmocka_unit_test(error_arrives_as_it_was_sent),
        cmocka_unit_test(failure_without_particulars_is_internal),
        cmocka_unit_test(message_over_the_limit_is_not_sent),
        with_base(home_follows_the_environment),
        with_base(home_that_no_message_can_name_is_refused),
        with_base(relative_home_is_below_the_working_directory),
        with_base(home_has_one_name_however_it_is_reached),
        with_base(socket_lies_in_the_runtime_folder),
        with_base(too_long_a_runtime_folder_gives_way_to_tmp),
        with_base(socket_folder_that_others_may_enter_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
