/* Programs as filters: both pipes at once, every way to end. */
#include "client/program.h"

#include "common/buffer.h"
#include "common/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char folder[64], path[80];
};

/* A folder with one program in it, which is a shell script. */
static void place_init(struct place *place, const char *script)
{
    FILE *file;

    snprintf(place->folder, sizeof(place->folder), "/tmp/nightjar-program-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/filter", place->folder);
    file = fopen(place->path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(place->path, 0700), 0);
    assert_int_equal(setenv("NIGHTJAR_BIN", place->folder, 1), 0);
}

static void place_release(struct place *place)
{
    unlink(place->path);
    rmdir(place->folder);
}

struct lines {
    struct buffer last;
    size_t n, bytes;
    size_t refuse_at; /* 0: none */
};

static bool count_line(void *context, char *line, size_t size, struct error *error)
{
    struct lines *lines = context;

    lines->n++;
    lines->bytes += size;
    buffer_clear(&lines->last);
    if (lines->n == lines->refuse_at)
        return error_set(error, ERROR_INVALID, "line %zu is refused", lines->n);
    return buffer_append(&lines->last, line, size, error);
}

static bool filter(const char *script, const char *input, size_t size, struct lines *lines,
                   int *ret_status, struct error *error)
{
    scoped(place_release) struct place place;
    const struct program_reader reader = {count_line, lines};

    place_init(&place, script);
    return program_filter("filter", "verb", input, size, &reader, ret_status, error);
}

static void lines_release(struct lines *lines)
{
    buffer_release(&lines->last);
}

static void argument_input_and_status_go_through(void **state)
{
    scoped(lines_release) struct lines lines = {0};
    struct error error = {0};
    int status = -1;

    (void)state;
    assert_true(
        filter("read word; echo \"$1 $word\"; exit 3", "hello\n", 6, &lines, &status, &error));
    assert_int_equal(status, 3);
    assert_int_equal(lines.n, 1);
    assert_string_equal(lines.last.data, "verb hello");
}

static void more_than_both_pipes_hold_goes_through(void **state)
{
    const size_t size = 4 * 1024 * 1024;
    scoped(memory_free) char *input = malloc(size);
    scoped(lines_release) struct lines lines = {0};
    struct error error = {0};
    int status = -1;

    (void)state;
    memset(input, 'x', size);
    for (size_t i = 1023; i < size; i += 1024)
        input[i] = '\n';
    assert_true(filter("exec cat", input, size, &lines, &status, &error));
    assert_int_equal(status, 0);
    assert_int_equal(lines.n, 4096);
    assert_int_equal(lines.bytes, size - 4096);
}

static void a_program_that_does_not_read_is_no_error(void **state)
{
    const size_t size = 1024 * 1024;
    scoped(memory_free) char *input = calloc(1, size);
    scoped(lines_release) struct lines lines = {0};
    struct error error = {0};
    int status = -1;

    (void)state;
    assert_true(filter("exit 7", input, size, &lines, &status, &error));
    assert_int_equal(status, 7);
}

static void a_torn_last_line_is_not_handed_out(void **state)
{
    scoped(lines_release) struct lines lines = {0};
    struct error error = {0};
    int status = -1;

    (void)state;
    assert_true(filter("printf 'whole\\ntorn'", "", 0, &lines, &status, &error));
    assert_int_equal(lines.n, 1);
    assert_string_equal(lines.last.data, "whole");
}

static void a_signal_is_an_error(void **state)
{
    scoped(lines_release) struct lines lines = {0};
    struct error error = {0};
    int status = -1;

    (void)state;
    assert_false(filter("kill -KILL $$", "", 0, &lines, &status, &error));
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_string_equal(error.message, "filter was ended by signal 9 (Killed)");
}

static void a_reader_that_fails_ends_the_program(void **state)
{
    scoped(lines_release) struct lines lines = {.refuse_at = 2};
    struct error error = {0};
    int status = -1;

    (void)state;
    assert_false(filter("exec yes", "", 0, &lines, &status, &error));
    assert_string_equal(error.message, "line 2 is refused");
    assert_int_equal(lines.n, 2);
}

static void a_program_that_is_not_there_is_named(void **state)
{
    scoped(lines_release) struct lines lines = {0};
    const struct program_reader reader = {count_line, &lines};
    struct error error = {0};
    int status = -1;

    (void)state;
    assert_int_equal(setenv("NIGHTJAR_BIN", "/nonexistent", 1), 0);
    assert_false(program_filter("filter", "verb", "", 0, &reader, &status, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/filter"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(argument_input_and_status_go_through),
        cmocka_unit_test(more_than_both_pipes_hold_goes_through),
        cmocka_unit_test(a_program_that_does_not_read_is_no_error),
        cmocka_unit_test(a_torn_last_line_is_not_handed_out),
        cmocka_unit_test(a_signal_is_an_error),
        cmocka_unit_test(a_reader_that_fails_ends_the_program),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
