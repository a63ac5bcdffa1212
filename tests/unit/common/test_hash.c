/* Hashes: XXH3's published values for empty input, and files equal to their bytes. */
#include "common/hash.h"

#include <fcntl.h>
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

static void empty_input_has_its_known_hash(void **state)
{
    char text[HASH_TEXT_SIZE];

    (void)state;
    assert_true(hash_bytes("", 0) == 0x2d06800538d394c2);
    assert_string_equal(hash_text("", 0, text), "99aa06d3014798d86001c324468d497f");
}

static void one_changed_byte_changes_the_hash(void **state)
{
    char first[HASH_TEXT_SIZE], second[HASH_TEXT_SIZE];

    (void)state;
    assert_string_not_equal(hash_text("abc", 3, first), hash_text("abd", 3, second));
    assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
    assert_int_equal(strlen(first), 32);
}

static void file_hashes_as_its_bytes(void **state)
{
    char path[] = "/tmp/nightjar-hash-XXXXXX";
    scoped(descriptor_close) int fd = mkstemp(path);
    const size_t size = 600001; /* more than two chunks */
    scoped(memory_free) char *data = malloc(size);
    char whole[HASH_TEXT_SIZE], text[HASH_TEXT_SIZE];
    struct error error;

    (void)state;
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 31 + i / 257);
    assert_int_equal(write(fd, data, size), size);
    assert_true(hash_file(path, text, &error));
    assert_string_equal(text, hash_text(data, size, whole));
    unlink(path);
    assert_false(hash_file(path, text, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_string_equal(text, whole);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    char folder[] = "/tmp/nightjar-hash-XXXXXX", path[64], text[HASH_TEXT_SIZE];
    struct error error;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_false(hash_file(folder, text, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(hash_file(path, text, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_input_has_its_known_hash),
        cmocka_unit_test(one_changed_byte_changes_the_hash),
        cmocka_unit_test(file_hashes_as_its_bytes),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
