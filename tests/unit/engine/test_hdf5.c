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

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/hdf5.h"

static char folder[] = "/tmp/nightjar-hdf5-XXXXXX";
static char path[64], aside[72];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/m.h5", folder);
    (void)snprintf(aside, sizeof(aside), "%s.new", path);
    return 0;
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

static const real weight[6] = {1, -2.5, 3e-30F, 4e30F, 0, -0.0F};

static void write_file(void)
{
    struct hdf5_file *file = NULL;
    struct error error;

    assert_true(hdf5_create(path, &file, &error));
    assert_true(hdf5_write_reals(file, "/weights/dense1/weight", weight, 2, 3, &error));
    assert_true(hdf5_write_reals(file, "/weights/dense1/bias", weight, 3, 1, &error));
    assert_true(hdf5_write_text(file, "/spec", "{\"name\":\"gr\xc3\xbc\xc3\x9f\"}", &error));
    assert_true(hdf5_write_text(file, "/empty", "", &error));
    assert_true(hdf5_commit(&file, &error));
    assert_null(file);
}

static void what_was_written_is_read(void **state)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    scoped(memory_free) char *text = NULL, *empty = NULL;
    struct stat status;
    struct error error;
    real value[6];

    (void)state;
    write_file();
    assert_true(hdf5_open(path, &file, &error));
    assert_true(hdf5_read_reals(file, "/weights/dense1/weight", value, 2, 3, &error));
    assert_memory_equal(value, weight, sizeof(weight));
    assert_true(hdf5_read_text(file, "/spec", 100, &text, &error));
    assert_string_equal(text, "{\"name\":\"gr\xc3\xbc\xc3\x9f\"}");
    assert_true(hdf5_read_text(file, "/empty", 100, &empty, &error));
    assert_string_equal(empty, "");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void what_is_not_there_is_corrupt(void **state)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    struct error error;
    char *text = NULL;
    real value[6];

    (void)state;
    write_file();
    assert_true(hdf5_open(path, &file, &error));
    assert_false(hdf5_read_reals(file, "/weights/dense1/weight", value, 3, 2, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_false(hdf5_read_reals(file, "/weights/dense1", value, 3, 2, &error));
    assert_false(hdf5_read_reals(file, "/weights/dense2/weight", value, 2, 3, &error));
    assert_false(hdf5_read_reals(file, "/spec", value, 2, 3, &error));
    assert_false(hdf5_read_text(file, "/weights/dense1/bias", 100, &text, &error));
    assert_false(hdf5_read_text(file, "/nothing", 100, &text, &error));
    assert_false(hdf5_read_text(file, "/spec", 5, &text, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_null(text);
}

static void nothing_is_there_without_a_commit(void **state)
{
    struct hdf5_file *file = NULL;
    struct error error;

    (void)state;
    (void)unlink(path);
    assert_true(hdf5_create(path, &file, &error));
    assert_true(hdf5_write_text(file, "/spec", "x", &error));
    hdf5_close(&file);
    assert_false(file_exists(AT_FDCWD, path) || file_exists(AT_FDCWD, aside));
    assert_false(hdf5_open(path, &file, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static int failing_fsync(int fd)
{
    (void)fd;
    return -1;
}

static void file_that_cannot_be_synced_leaves_the_old_one(void **state)
{
    struct file_system broken = file_system_real;
    struct hdf5_file *file = NULL;
    scoped(memory_free) char *text = NULL;
    struct error error;

    (void)state;
    write_file();
    broken.fsync = failing_fsync;
    assert_true(hdf5_create(path, &file, &error));
    assert_true(hdf5_write_text(file, "/spec", "new", &error));
    (void)file_system_use(&broken);
    assert_false(hdf5_commit(&file, &error));
    (void)file_system_use(&file_system_real);
    assert_null(file);
    assert_false(file_exists(AT_FDCWD, aside));
    assert_true(hdf5_open(path, &file, &error));
    assert_true(hdf5_read_text(file, "/spec", 100, &text, &error));
    assert_non_null(strstr(text, "name"));
    hdf5_close(&file);
}

/* Whatever is cut off or changed: an answer or an error, never a crash. */
static void damaged_files_do_no_harm(void **state)
{
    scoped(memory_free) char *whole = NULL;
    struct error error;
    size_t size;

    (void)state;
    write_file();
    assert_true(file_read(AT_FDCWD, path, 1 << 20, &whole, &size, &error));
    for (size_t i = 0; i < size; i += 37) {
        scoped(memory_free) char *text = NULL;
        struct hdf5_file *file = NULL;
        real value[6];

        whole[i] = (char)(whole[i] ^ 0x5a);
        assert_true(file_replace_fast(AT_FDCWD, path, whole, i % 2 ? size : i, &error));
        whole[i] = (char)(whole[i] ^ 0x5a);
        if (hdf5_open(path, &file, &error)) {
            (void)hdf5_read_reals(file, "/weights/dense1/weight", value, 2, 3, &error);
            (void)hdf5_read_text(file, "/spec", 1 << 20, &text, &error);
            hdf5_close(&file);
        } else {
            assert_int_equal(error.kind, ERROR_CORRUPT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(what_is_not_there_is_corrupt),
        cmocka_unit_test(nothing_is_there_without_a_commit),
        cmocka_unit_test(file_that_cannot_be_synced_leaves_the_old_one),
        cmocka_unit_test(damaged_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
