/* The log: levels, one line an event, and priorities only where standard error is the journal's. */
#include "common/log.h"

#include <fcntl.h>
#include <inttypes.h>
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

#include "common/owner.h"

static char written[16384]; /* what standard error got */
static int saved_error = -1, pipe_ends[2];

static void begin_capture(void)
{
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    saved_error = dup(STDERR_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
}

static const char *end_capture(void)
{
    ssize_t size = read(pipe_ends[0], written, sizeof(written) - 1);

    written[size < 0 ? 0 : size] = '\0';
    dup2(saved_error, STDERR_FILENO);
    close(saved_error);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return written;
}

static void set_journal_stream(int inode_offset)
{
    struct stat status;
    char text[64];

    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)status.st_ino + (uintmax_t)inode_offset);
    setenv("JOURNAL_STREAM", text, 1);
}

static void terminal_gets_local_time(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    unsetenv("NIGHTJAR_LOG");
    begin_capture();
    log_start("nightjard");
    log_info("run %d started", 12);
    const char *line = end_capture();
    assert_int_equal(strlen(line), strlen("2026-11-22 23:04:05 nightjard: info: run 12 started\n"));
    assert_string_equal(line + 20, "nightjard: info: run 12 started\n");
    assert_int_equal(line[4], '-');
}

static void journal_gets_priorities(void **state)
{
    (void)state;
    begin_capture();
    set_journal_stream(0);
    log_start("nightjard");
    log_error("e");
    log_warning("w");
    log_info("i");
    assert_string_equal(end_capture(), "<3>nightjard: e\n<4>nightjard: w\n<6>nightjard: i\n");
}

static void inherited_variable_of_another_stream_counts_nothing(void **state)
{
    (void)state;
    begin_capture();
    set_journal_stream(1);
    log_start("nightjard");
    log_error("e");
    assert_null(strstr(end_capture(), "<3>"));
    unsetenv("JOURNAL_STREAM");
}

static void level_comes_from_the_environment(void **state)
{
    (void)state;
    setenv("NIGHTJAR_LOG", "warning", 1);
    begin_capture();
    log_start("n");
    log_info("hidden");
    log_warning("shown");
    const char *line = end_capture();
    assert_null(strstr(line, "hidden"));
    assert_non_null(strstr(line, "shown"));

    setenv("NIGHTJAR_LOG", "debug", 1);
    begin_capture();
    log_start("n");
    log_debug("deep");
    assert_non_null(strstr(end_capture(), "deep"));

    begin_capture();
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("hidden");
    assert_string_equal(end_capture(), "");
    unsetenv("NIGHTJAR_LOG");
}

static void event_is_one_line(void **state)
{
    char text[8000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    begin_capture();
    log_start("n");
    log_error("two\nlines\033[31m");
    log_error("%s", text);
    const char *lines = end_capture();
    assert_non_null(strstr(lines, "two lines [31m\n"));
    size_t size = strlen(lines), breaks = 0;
    for (size_t i = 0; i < size; i++)
        breaks += lines[i] == '\n';
    assert_int_equal(breaks, 2);
    assert_int_equal(lines[size - 1], '\n');
    assert_true(size < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminal_gets_local_time),
        cmocka_unit_test(journal_gets_priorities),
        cmocka_unit_test(inherited_variable_of_another_stream_counts_nothing),
        cmocka_unit_test(level_comes_from_the_environment),
        cmocka_unit_test(event_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
