#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/journal.h"
#include "common/owner.h"
#include "worker/engine/report.h"

static char folder[] = "/tmp/nightjar-report-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/reported.jsonl", folder);
    return setenv("NIGHTJAR_EVENTS", path, 1) || setenv("NIGHTJAR_RUN_DIR", folder, 1);
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

static char *reported(void)
{
    char *text = NULL;
    struct error error;
    size_t size;

    assert_true(report_sync(&error));
    report_stop();
    assert_true(file_read(AT_FDCWD, path, 1 << 20, &text, &size, &error));
    assert_int_equal(unlink(path), 0);
    return text;
}

static void metrics_are_lines_with_numbers_of_any_kind(void **state)
{
    scoped(memory_free) char *text = NULL;
    struct error error;

    (void)state;
    assert_true(report_start(&error));
    assert_true(report_metric("valid.loss", GOAL_MINIMIZE, 0.25, 3, (double)NAN, &error));
    assert_true(
        report_metric("test.auc[\"a\"]", GOAL_MAXIMIZE, (double)NAN, REPORT_FINAL, 0.5, &error));
    assert_true(
        report_metric("train.rate_factor", GOAL_NONE, -(double)INFINITY, 4, (double)NAN, &error));
    text = reported();
    assert_string_equal(
        text,
        "{\"event\":\"metric\",\"name\":\"valid.loss\",\"goal\":\"minimize\",\"step\":3,\"value\":"
        "0.25}\n"
        "{\"event\":\"metric\",\"name\":\"test.auc[\\\"a\\\"]\",\"goal\":\"maximize\",\"naive\":0."
        "5,\"value\":NaN}\n"
        "{\"event\":\"metric\",\"name\":\"train.rate_factor\",\"step\":4,\"value\":-Infinity}\n");
}

static void every_event_is_a_line_that_the_journal_reads(void **state)
{
    struct journal_reader reader = {.fd = -1};
    static const char *const expected[] = {"progress", "warning", "mark", "artifact", "table"};
    cJSON *fields = cJSON_CreateObject();
    struct error error;

    (void)state;
    assert_true(json_add_text(fields, "name", "test.confusion"));
    assert_true(report_start(&error));
    assert_true(report_progress(1, 2, "epoch", NAN, &error));
    assert_true(report_warning(NULL, (double)NAN, &error, "100%% \"odd\"\n%d", 7));
    assert_true(report_mark("LEAK", "because", 12, &error));
    assert_true(report_artifact("events", "reported.jsonl", &error));
    assert_true(report_event("table", &fields, &error));
    assert_null(fields);
    report_stop();
    assert_true(journal_reader_open(AT_FDCWD, path, 0, &reader, &error));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        scoped(json_free) cJSON *event = NULL;

        assert_true(journal_next(&reader, &event, NULL, &error));
        assert_non_null(event);
        assert_string_equal(json_text(event, "event", ""), expected[i]);
        if (i == 1)
            assert_string_equal(json_text(event, "text", ""), "100% \"odd\"\n7");
        if (i == 3)
            assert_true(json_integer(event, "bytes", 0) > 100);
        if (i == 4)
            assert_string_equal(json_text(event, "name", ""), "test.confusion");
    }
    assert_int_equal(reader.bad_lines, 0);
    journal_reader_close(&reader);
    assert_int_equal(unlink(path), 0);
}

static void lines_go_behind_those_of_an_earlier_run(void **state)
{
    scoped(memory_free) char *text = NULL;
    struct error error;

    (void)state;
    assert_true(file_replace_fast(AT_FDCWD, path, "{\"a\":1}\n", 8, &error));
    assert_true(report_start(&error));
    assert_true(report_progress(1, 2, "epoch", NAN, &error));
    text = reported();
    assert_memory_equal(text, "{\"a\":1}\n{\"event\":\"progress\"", 26);
}

static void full_journal_loses_lines_and_not_the_run(void **state)
{
    struct error error;
    struct stat status;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, JOURNAL_FILE_LIMIT - 10), 0);
    assert_true(report_start(&error));
    assert_true(report_progress(1, 2, "epoch", NAN, &error));
    assert_true(report_progress(2, 2, "epoch", NAN, &error));
    report_stop();
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, JOURNAL_FILE_LIMIT - 10);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
}

static void line_over_the_limit_is_left_out_with_a_warning(void **state)
{
    scoped(memory_free) char *name = malloc(JOURNAL_LINE_LIMIT + 1), *text = NULL;
    struct error error;

    (void)state;
    assert_non_null(name);
    memset(name, 'x', JOURNAL_LINE_LIMIT);
    name[JOURNAL_LINE_LIMIT] = '\0';
    assert_true(report_start(&error));
    assert_true(report_metric(name, GOAL_NONE, 1, 1, (double)NAN, &error));
    text = reported();
    assert_non_null(strstr(text, "bytes was left out"));
    assert_true(strlen(text) < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_lines_with_numbers_of_any_kind),
        cmocka_unit_test(every_event_is_a_line_that_the_journal_reads),
        cmocka_unit_test(lines_go_behind_those_of_an_earlier_run),
        cmocka_unit_test(full_journal_loses_lines_and_not_the_run),
        cmocka_unit_test(line_over_the_limit_is_left_out_with_a_warning),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
