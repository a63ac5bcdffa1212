/* Journals: no half line is left by a writer or handed out by a reader. */
#include "common/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/owner.h"
#include "tests/double/file_double.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/nightjar-journal-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/events.jsonl", folder);
    return 0;
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

static void append_bytes(const char *data, size_t size)
{
    scoped(descriptor_close) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, data, size), size);
}

static void append_text(const char *text)
{
    append_bytes(text, strlen(text));
}

static char *content(void)
{
    struct error error;
    char *text;

    assert_true(file_read(AT_FDCWD, path, 1 << 28, &text, NULL, &error));
    return text;
}

static bool append(struct journal_writer *writer, const char *name, struct error *error)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();

    json_add_text(event, "event", name);
    return journal_append(writer, event, error);
}

static void open_writer(struct journal_writer *writer)
{
    struct error error;

    if (!journal_open(AT_FDCWD, path, writer, &error))
        fail_msg("%s", error.message);
}

static void open_reader(struct journal_reader *reader, int64_t offset)
{
    struct error error;

    if (!journal_reader_open(AT_FDCWD, path, offset, reader, &error))
        fail_msg("%s", error.message);
}

/* The next line's member "event" into `name`; false: there is none. */
static bool next_name(struct journal_reader *reader, char name[32])
{
    scoped(json_free) cJSON *event = NULL;
    struct error error;

    if (!journal_next(reader, &event, NULL, &error))
        fail_msg("%s", error.message);
    if (event)
        snprintf(name, 32, "%s", json_text(event, "event", "?"));
    return event;
}

/* The events of the whole file are exactly these (separated by blanks), numbered 1, 2, ... */
static void expect_events(const char *names)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    scoped(buffer_release) struct buffer found = {0};
    scoped(memory_free) char *text = content();
    struct error error;
    int64_t seq = 0;

    open_reader(&reader, 0);
    for (;;) {
        scoped(json_free) cJSON *event = NULL;
        assert_true(journal_next(&reader, &event, NULL, &error));
        if (!event)
            break;
        assert_int_equal(json_integer(event, "seq", -1), ++seq);
        assert_true(buffer_append_format(&found, &error, "%s%s", found.size > 0 ? " " : "",
                                         json_text(event, "event", "?")));
    }
    assert_string_equal(found.data ? found.data : "", names);
    assert_int_equal(reader.bad_lines, 0);
    assert_int_equal(reader.offset, strlen(text)); /* nothing but whole lines */
}

/* ---- writing ---- */

static void line_carries_version_number_and_time(void **state)
{
    scoped(journal_close) struct journal_writer writer = {.fd = -1};
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    scoped(json_free) cJSON *event = NULL;
    scoped(json_free) cJSON *empty = cJSON_CreateObject();
    double before = (double)clock_system.wall_ms(NULL) / 1000;
    struct error error;

    (void)state;
    open_writer(&writer);
    assert_true(append(&writer, "started", &error));
    assert_true(journal_append(&writer, empty, &error));
    assert_int_equal(writer.seq, 2);
    assert_true(journal_sync(&writer, &error));
    scoped(memory_free) char *text = content();
    assert_memory_equal(text, "{\"v\":1,\"seq\":1,\"t\":", 19);
    assert_non_null(strstr(text, ",\"event\":\"started\"}\n"));
    assert_int_equal(writer.size, strlen(text));

    open_reader(&reader, 0);
    assert_true(journal_next(&reader, &event, NULL, &error));
    double t = json_number(event, "t", 0);
    assert_true(t >= before && t <= (double)clock_system.wall_ms(NULL) / 1000);
}

static void numbers_go_on_after_reopening(void **state)
{
    struct error error;

    (void)state;
    for (int i = 0; i < 3; i++) {
        scoped(journal_close) struct journal_writer writer = {.fd = -1};
        open_writer(&writer);
        assert_int_equal(writer.seq, i);
        assert_true(append(&writer, "again", &error));
    }
    expect_events("again again again");
}

static void torn_last_line_is_cut_off(void **state)
{
    scoped(journal_close) struct journal_writer writer = {.fd = -1};
    struct error error;

    (void)state;
    append_text("{\"v\":1,\"seq\":1,\"t\":1,\"event\":\"first\"}\n{\"v\":1,\"seq\":2,\"t\"");
    open_writer(&writer);
    assert_int_equal(writer.seq, 1);
    assert_true(append(&writer, "second", &error));
    expect_events("first second");
}

/* Every system call of an append fails once, in each way; the file is as before, and the next
 * append works. */
static void failed_append_leaves_no_half_line(void **state)
{
    static const enum file_double_fault faults[] = {FILE_DOUBLE_FAIL, FILE_DOUBLE_SHORT};

    (void)state;
    for (int i = 0; i < 2; i++) {
        bool done = false;
        for (int64_t call = 0; !done; call++) {
            scoped(journal_close) struct journal_writer writer = {.fd = -1};
            struct error error;
            unlink(path);
            open_writer(&writer);
            assert_true(append(&writer, "first", &error));
            file_double_start(folder);
            file_double_fail(call, faults[i], ENOSPC);
            done = append(&writer, "second", &error);
            file_double_stop();
            if (done)
                break;
            assert_int_equal(error.kind, ERROR_NO_SPACE);
            expect_events("first");
            assert_true(append(&writer, "third", &error));
            expect_events("first third");
            assert_true(call < 20);
        }
        expect_events("first second");
    }
}

/* Not even the taking back works: the half line is on the disk, and the next append removes it. */
static void half_line_that_could_not_be_taken_back_is_cut_later(void **state)
{
    scoped(journal_close) struct journal_writer writer = {.fd = -1};
    struct error error;

    (void)state;
    open_writer(&writer);
    assert_true(append(&writer, "first", &error));
    int64_t size = writer.size;
    file_double_start(folder);
    file_double_fail(0, FILE_DOUBLE_DEAD_SHORT, EIO);
    assert_false(append(&writer, "second", &error));
    file_double_stop();
    scoped(memory_free) char *text = content();
    assert_true((int64_t)strlen(text) > size);
    assert_int_equal(writer.size, size);

    assert_true(append(&writer, "third", &error));
    expect_events("first third");
}

static void killed_writer_leaves_what_the_next_one_cuts(void **state)
{
    bool done = false;

    (void)state;
    for (int64_t call = 0; !done; call++) {
        struct journal_writer writer = {.fd = -1};
        struct error error;
        unlink(path);
        open_writer(&writer);
        assert_true(append(&writer, "first", &error));
        file_double_start(folder);
        file_double_fail(call, FILE_DOUBLE_DEAD_SHORT, EIO);
        done = append(&writer, "second", &error);
        file_double_stop();
        journal_close(&writer);
        open_writer(&writer);
        expect_events(done ? "first second" : "first");
        journal_close(&writer);
    }
}

static void synced_lines_survive_the_loss_of_power(void **state)
{
    struct journal_writer writer = {.fd = -1};
    struct error error;

    (void)state;
    open_writer(&writer);
    file_double_start(folder);
    assert_true(append(&writer, "first", &error));
    assert_true(journal_sync(&writer, &error));
    assert_true(append(&writer, "second", &error));
    assert_int_equal(file_double_syncs(), 1);
    journal_close(&writer);
    file_double_cut_power(FILE_DOUBLE_FORGET);
    file_double_stop();
    expect_events("first");
}

static void line_that_no_reader_would_take_is_not_written(void **state)
{
    scoped(journal_close) struct journal_writer writer = {.fd = -1};
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    static char text[JOURNAL_LINE_LIMIT];
    struct error error;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    json_add_text(event, "event", text);
    open_writer(&writer);
    assert_false(journal_append(&writer, event, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_false(journal_report(path, event, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    expect_events("");
}

/* ---- reporting ---- */

static void reports_are_appended_one_by_one(void **state)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    struct error error;

    (void)state;
    json_add_number(event, "loss", 0.5);
    assert_true(journal_report(path, event, &error));
    assert_true(journal_report(path, event, &error));
    scoped(memory_free) char *text = content();
    assert_string_equal(text, "{\"loss\":0.5}\n{\"loss\":0.5}\n");
}

static void report_begins_its_own_line_after_a_torn_one(void **state)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    struct error error;

    (void)state;
    append_text("{\"lo");
    json_add_number(event, "loss", 0.5);
    assert_true(journal_report(path, event, &error));
    scoped(memory_free) char *text = content();
    assert_string_equal(text, "{\"lo\n{\"loss\":0.5}\n");
}

static void full_journal_takes_no_report(void **state)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    struct error error;

    (void)state;
    append_text("{}\n");
    json_add_text(event, "t", "0123456789");
    assert_int_equal(truncate(path, JOURNAL_FILE_LIMIT - 10), 0);
    assert_false(journal_report(path, event, &error));
    assert_int_equal(error.kind, ERROR_NO_SPACE);
}

/* ---- reading ---- */

static void missing_journal_has_nothing_to_read_yet(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = 7};
    char name[32];

    (void)state;
    open_reader(&reader, 12);
    assert_int_equal(reader.fd, -1);
    assert_int_equal(reader.offset, 12);
    assert_false(next_name(&reader, name));
}

static void reader_follows_a_file_that_grows_byte_by_byte(void **state)
{
    const char *text = "{\"event\":\"a\"}\n\n{\"event\":\"b\"}\r\n{\"event\":\"c\"}\n";
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char names[4] = "", name[32];
    size_t n = 0;

    (void)state;
    append_text("");
    open_reader(&reader, 0);
    for (const char *at = text; *at; at++) {
        append_bytes(at, 1);
        while (next_name(&reader, name)) {
            assert_int_equal(*at, '\n');
            names[n++] = name[0];
        }
    }
    assert_string_equal(names, "abc");
    assert_int_equal(reader.offset, strlen(text));
    assert_int_equal(reader.bad_lines, 0);
}

static void line_that_is_taken_back_was_never_seen(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\n{\"event\":\"torn");
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    assert_false(next_name(&reader, name));
    assert_int_equal(truncate(path, 14), 0);
    append_text("{\"event\":\"b\"}\n");
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "b");
    assert_false(next_name(&reader, name));
}

static void offsets_name_lines_and_reading_goes_on_there(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    scoped(journal_reader_close) struct journal_reader later = {.fd = -1};
    scoped(json_free) cJSON *first = NULL;
    scoped(json_free) cJSON *second = NULL;
    int64_t offset = -1;
    struct error error;
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\nbad\n{\"event\":\"b\"}\n");
    open_reader(&reader, 0);
    assert_true(journal_next(&reader, &first, &offset, &error));
    assert_int_equal(offset, 0);
    assert_true(journal_next(&reader, &second, &offset, &error));
    assert_int_equal(offset, 18);
    open_reader(&later, offset);
    assert_true(next_name(&later, name));
    assert_string_equal(name, "b");
}

static void offset_past_the_end_begins_again(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\n");
    open_reader(&reader, 15);
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "a");
    journal_reader_close(&reader);
    open_reader(&reader, 14);
    assert_false(next_name(&reader, name));
    assert_int_equal(truncate(path, 0), 0);
    assert_false(next_name(&reader, name));
    append_text("{\"event\":\"b\"}\n");
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "b");
}

static void bad_lines_are_counted_and_passed_over(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_text("nonsense\n[1]\n7\n{\"event\":\"a\"}\n{\"a\":1,\"a\":2}\n\xff\n");
    append_bytes("a\0b\n", 4);
    append_text("{\"event\":\"b\"}\n");
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "a");
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "b");
    assert_false(next_name(&reader, name));
    assert_int_equal(reader.bad_lines, 6);
}

/* {"event":"long","x":"..."} of `size` bytes with its newline. */
static void append_line_of(size_t size)
{
    scoped(memory_free) char *line = malloc(size + 1);

    assert_non_null(line);
    assert_int_equal(
        snprintf(line, size + 1, "{\"event\":\"long\",\"x\":\"%*s\"}\n", (int)size - 24, ""), size);
    append_bytes(line, size);
}

static void line_over_the_limit_is_passed_over(void **state)
{
    static const size_t sizes[] = {JOURNAL_LINE_LIMIT + 1, JOURNAL_LINE_LIMIT + 2,
                                   2 * JOURNAL_LINE_LIMIT, 1000000};
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_line_of(JOURNAL_LINE_LIMIT);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        append_line_of(sizes[i]);
        append_text("{\"event\":\"a\"}\n");
    }
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "long");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        assert_true(next_name(&reader, name));
        assert_string_equal(name, "a");
        assert_int_equal(reader.bad_lines, i + 1);
    }
    assert_false(next_name(&reader, name));
}

static void endless_line_takes_no_memory_and_ends_at_last(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    static char piece[50000];
    char name[32];

    (void)state;
    memset(piece, 'x', sizeof(piece));
    append_text("{\"event\":\"a\"}\n");
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    for (int i = 0; i < 40; i++) {
        append_bytes(piece, sizeof(piece));
        assert_false(next_name(&reader, name));
        assert_true(reader.buffer.capacity < 300000);
        assert_int_equal(reader.offset, 14);
    }
    append_text("\n{\"event\":\"b\"}\n");
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "b");
    assert_int_equal(reader.bad_lines, 1);
    assert_int_equal(reader.offset, 14 + 40 * 50000 + 1 + 14);
}

static void nothing_is_read_beyond_the_limit_of_a_file(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\n");
    assert_int_equal(truncate(path, JOURNAL_FILE_LIMIT - 20), 0); /* a hole: one endless line */
    append_text("\n{\"event\":\"b\"}\n{\"event\":\"c\"}\n");
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "b");
    assert_false(next_name(&reader, name));
    assert_int_equal(reader.offset, JOURNAL_FILE_LIMIT - 5);
    assert_false(next_name(&reader, name));
}

/* The name of what is left when nobody writes any more; "": nothing, or nothing that is a line. */
static void last_name(struct journal_reader *reader, char name[32])
{
    scoped(json_free) cJSON *event = NULL;
    struct error error;

    if (!journal_next_of_ended(reader, &event, NULL, &error))
        fail_msg("%s", error.message);
    snprintf(name, 32, "%s", json_text(event, "event", ""));
}

static void last_line_of_a_file_that_has_ended_needs_no_newline(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    scoped(memory_free) char *text = NULL;
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\n{\"event\":\"b\"}");
    open_reader(&reader, 0);
    last_name(&reader, name);
    assert_string_equal(name, "a");
    assert_false(next_name(&reader, name));
    last_name(&reader, name);
    assert_string_equal(name, "b");
    text = content();
    assert_int_equal(reader.offset, strlen(text));
    for (int i = 0; i < 2; i++) {
        last_name(&reader, name);
        assert_string_equal(name, "");
    }
    append_text("\n{\"event\":\"c\"}\n"); /* whoever comes all the same is read on from there */
    assert_true(next_name(&reader, name));
    assert_string_equal(name, "c");
    assert_int_equal(reader.bad_lines, 0);
}

static void torn_last_line_of_a_file_that_has_ended_is_bad_once(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\n{\"event\":");
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    assert_false(next_name(&reader, name));
    assert_int_equal(reader.bad_lines, 0);
    for (int i = 0; i < 2; i++) {
        last_name(&reader, name);
        assert_string_equal(name, "");
        assert_int_equal(reader.bad_lines, 1);
    }
}

/* Over the limit of a line, also where part of it was passed over before; or of a file, whose last
 * line is nobody's. */
static void overlong_rest_of_a_file_that_has_ended_is_bad_once(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    char name[32];

    (void)state;
    append_text("{\"event\":\"a\"}\n");
    assert_int_equal(truncate(path, 3 * JOURNAL_LINE_LIMIT), 0);
    open_reader(&reader, 0);
    assert_true(next_name(&reader, name));
    assert_false(next_name(&reader, name));
    for (int i = 0; i < 2; i++) {
        last_name(&reader, name);
        assert_string_equal(name, "");
        assert_int_equal(reader.bad_lines, 1);
        assert_int_equal(reader.offset, 3 * JOURNAL_LINE_LIMIT);
    }
    assert_int_equal(truncate(path, JOURNAL_FILE_LIMIT - 2), 0);
    append_text("\n{\"event\":\"b\"}");
    for (int i = 0; i < 2; i++) {
        last_name(&reader, name);
        assert_string_equal(name, "");
        assert_int_equal(reader.bad_lines, 2); /* the hole */
    }
}

static void not_a_number_is_accepted(void **state)
{
    scoped(journal_reader_close) struct journal_reader reader = {.fd = -1};
    scoped(json_free) cJSON *event = NULL;
    struct error error;

    (void)state;
    append_text("{\"loss\": NaN, \"rate\": -Infinity}\n");
    open_reader(&reader, 0);
    assert_true(journal_next(&reader, &event, NULL, &error));
    assert_true(cJSON_IsNull(json_member(event, "loss")));
    assert_true(json_number(event, "rate", 0) < -1e300);
    assert_int_equal(reader.bad_lines, 0);
}

#define in_own_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_own_folder(line_carries_version_number_and_time),
        in_own_folder(numbers_go_on_after_reopening),
        in_own_folder(torn_last_line_is_cut_off),
        in_own_folder(failed_append_leaves_no_half_line),
        in_own_folder(half_line_that_could_not_be_taken_back_is_cut_later),
        in_own_folder(killed_writer_leaves_what_the_next_one_cuts),
        in_own_folder(synced_lines_survive_the_loss_of_power),
        in_own_folder(line_that_no_reader_would_take_is_not_written),
        in_own_folder(reports_are_appended_one_by_one),
        in_own_folder(report_begins_its_own_line_after_a_torn_one),
        in_own_folder(full_journal_takes_no_report),
        in_own_folder(missing_journal_has_nothing_to_read_yet),
        in_own_folder(reader_follows_a_file_that_grows_byte_by_byte),
        in_own_folder(line_that_is_taken_back_was_never_seen),
        in_own_folder(offsets_name_lines_and_reading_goes_on_there),
        in_own_folder(offset_past_the_end_begins_again),
        in_own_folder(bad_lines_are_counted_and_passed_over),
        in_own_folder(line_over_the_limit_is_passed_over),
        in_own_folder(endless_line_takes_no_memory_and_ends_at_last),
        in_own_folder(nothing_is_read_beyond_the_limit_of_a_file),
        in_own_folder(last_line_of_a_file_that_has_ended_needs_no_newline),
        in_own_folder(torn_last_line_of_a_file_that_has_ended_is_bad_once),
        in_own_folder(overlong_rest_of_a_file_that_has_ended_is_bad_once),
        in_own_folder(not_a_number_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
