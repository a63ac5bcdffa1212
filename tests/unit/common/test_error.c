/* Errors: what is kept apart, what wraps, and that texts which are too long are cut cleanly. */
#include "common/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"

static void setting_forgets_what_was_there(void **state)
{
    struct error error;

    (void)state;
    assert_false(error_set_at(&error, ERROR_INVALID, "train.rate", "%d is outside [0, 1]", 2));
    error.line = 7;
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(error.path, "train.rate");
    assert_string_equal(error.message, "2 is outside [0, 1]");

    assert_false(error_set(&error, ERROR_BUSY, "held by %s", "somebody"));
    assert_int_equal(error.kind, ERROR_BUSY);
    assert_string_equal(error.path, "");
    assert_int_equal(error.line, 0);
    assert_int_equal(error.os_errno, 0);
    assert_string_equal(error.message, "held by somebody");
}

static void message_may_come_from_the_same_error(void **state)
{
    struct error error;

    (void)state;
    error_set_at(&error, ERROR_IO, "a.csv", "cause");
    assert_false(error_set_at(&error, ERROR_INVALID, error.path, "new %s", error.message));
    assert_string_equal(error.message, "new cause");
    assert_string_equal(error.path, "a.csv");
}

static void errno_chooses_the_kind(void **state)
{
    static const struct {
        int os_errno;
        enum error_kind kind;
    } cases[] = {
        {ENOMEM, ERROR_NO_MEMORY}, {ENOSPC, ERROR_NO_SPACE}, {EDQUOT, ERROR_NO_SPACE},
        {ENOENT, ERROR_NOT_FOUND}, {EACCES, ERROR_IO},       {EIO, ERROR_IO},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_false(error_set_errno(&error, cases[i].os_errno, "file %d", 3));
        assert_int_equal(error.kind, cases[i].kind);
        assert_int_equal(error.os_errno, cases[i].os_errno);
    }
    error_set_errno(&error, ENOENT, "file %d", 3);
    assert_string_equal(error.message, "file 3: No such file or directory");
}

static void wrapping_prepends_and_keeps_the_rest(void **state)
{
    struct error error;

    (void)state;
    error_set_at(&error, ERROR_CORRUPT, "x", "cause");
    error.line = 3;
    error.os_errno = EIO;
    assert_false(error_wrap(&error, "reading %s", "it"));
    assert_false(error_wrap(&error, "outer"));
    assert_string_equal(error.message, "outer: reading it: cause");
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_string_equal(error.path, "x");
    assert_int_equal(error.line, 3);
    assert_int_equal(error.os_errno, EIO);
}

static void long_message_is_cut_between_characters(void **state)
{
    char text[3000] = "a"; /* then characters of two bytes, so that the cut falls within one */
    struct error error;

    (void)state;
    for (size_t i = 1; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    for (int shift = 0; shift < 2; shift++) {
        error_set_at(&error, ERROR_INVALID, text + shift, "%s", text + shift);
        size_t size = strlen(error.message);
        assert_true(size >= sizeof(error.message) - 2);
        assert_memory_equal(error.message + size - 2, "\xc3\xa9", 2);
        size = strlen(error.path);
        assert_true(size >= sizeof(error.path) - 2);
        assert_memory_equal(error.path + size - 2, "\xc3\xa9", 2);
    }
}

static void description_is_one_line_with_the_place(void **state)
{
    struct error error;
    char text[64];

    (void)state;
    error_set(&error, ERROR_IO, "first\nsecond");
    assert_string_equal(error_describe(&error, text, sizeof(text)), "first second");
    error_set_at(&error, ERROR_INVALID, "train.rate", "-1 is outside (0, 10]");
    assert_string_equal(error_describe(&error, text, sizeof(text)),
                        "train.rate: -1 is outside (0, 10]");
    assert_string_equal(error_describe(&error, text, 8), "train.r");
}

static void every_kind_has_its_name_and_status(void **state)
{
    (void)state;
    for (int i = 0; i < ERROR_KIND_COUNT; i++) {
        enum error_kind kind = (enum error_kind)i;
        assert_int_equal(error_kind_from_name(error_kind_name(kind)), kind);
        assert_true(error_kind_text(kind)[0] != '\0');
        assert_int_equal(error_exit_status(kind) == 0, kind == ERROR_NONE);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(error_exit_status(kind), error_exit_status((enum error_kind)j));
    }
    assert_int_equal(error_exit_status(ERROR_INVALID), 2);
    assert_int_equal(error_kind_from_name("invalid"), ERROR_INTERNAL);
    assert_int_equal(error_kind_from_name(NULL), ERROR_INTERNAL);
}

static void scope_frees_what_was_not_taken(void **state)
{
    char *kept;
    int fd = -1;

    (void)state;
    {
        scoped(memory_free) char *text = strdup("kept");
        scoped(memory_free) char *lost = strdup("freed at the brace");
        assert_non_null(lost);
        kept = take(&text);
        assert_null(text);
    }
    assert_string_equal(kept, "kept");
    memory_free(&kept);
    assert_null(kept);
    errno = ENOSPC;
    descriptor_close(&fd);
    assert_int_equal(errno, ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_forgets_what_was_there),
        cmocka_unit_test(message_may_come_from_the_same_error),
        cmocka_unit_test(errno_chooses_the_kind),
        cmocka_unit_test(wrapping_prepends_and_keeps_the_rest),
        cmocka_unit_test(long_message_is_cut_between_characters),
        cmocka_unit_test(description_is_one_line_with_the_place),
        cmocka_unit_test(every_kind_has_its_name_and_status),
        cmocka_unit_test(scope_frees_what_was_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
