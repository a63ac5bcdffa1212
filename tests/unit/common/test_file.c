/* Files: nothing half-written is ever seen, whatever fails and whenever the power goes. */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/owner.h"
#include "tests/double/file_double.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/nightjar-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
    return path[next];
}

static void put(const char *name, const char *text)
{
    scoped(descriptor_close) int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* What the file says; NULL: it is not there. To be freed. */
static char *get(const char *name)
{
    struct error error;
    char *text;

    return file_read(AT_FDCWD, in_folder(name), 1 << 20, &text, NULL, &error) ? text : NULL;
}

static void expect_content(const char *name, const char *expected)
{
    scoped(memory_free) char *text = get(name);

    assert_non_null(text);
    assert_string_equal(text, expected);
}

/* ---- replacing ---- */

static bool replace(const char *text, struct error *error)
{
    return file_replace(AT_FDCWD, in_folder("f"), text, strlen(text), error);
}

static void replaced_file_is_old_or_new_at_every_cut(void **state)
{
    const enum file_double_cut cut = *(enum file_double_cut *)*state;
    bool done = false;
    int64_t call;

    make_folder(NULL);
    for (call = 0; !done; call++) {
        struct error error;
        put("f", "the old content");
        file_double_start(folder);
        file_double_fail(call, call % 2 ? FILE_DOUBLE_DEAD : FILE_DOUBLE_DEAD_SHORT, EIO);
        done = replace("something new", &error);
        file_double_cut_power(cut);
        file_double_stop();

        scoped(memory_free) char *text = get("f");
        assert_non_null(text);
        if (done || strcmp(text, "the old content") != 0)
            assert_string_equal(text, "something new");
        assert_true(call < 50);
    }
    assert_true(call > 5);
    remove_folder(NULL);
}

static void new_file_is_whole_or_absent_at_every_cut(void **state)
{
    bool done = false;

    (void)state;
    for (int64_t call = 0; !done; call++) {
        struct error error;
        unlink(in_folder("f"));
        file_double_start(folder);
        file_double_fail(call, FILE_DOUBLE_DEAD, EIO);
        done = replace("something new", &error);
        file_double_cut_power(FILE_DOUBLE_FORGET);
        file_double_stop();

        scoped(memory_free) char *text = get("f");
        if (done || text)
            assert_string_equal(text, "something new");
        assert_true(call < 50);
    }
}

/* The double has to be able to fail these tests: without syncs the content is lost. */
static void fast_replacement_is_atomic_but_not_durable(void **state)
{
    struct error error;

    (void)state;
    put("f", "old");
    file_double_start(folder);
    assert_true(file_replace_fast(AT_FDCWD, in_folder("f"), "new", 3, &error));
    assert_int_equal(file_double_syncs(), 0);
    expect_content("f", "new");
    file_double_cut_power(FILE_DOUBLE_FORGET);
    expect_content("f", "old");

    assert_true(file_replace_fast(AT_FDCWD, in_folder("f"), "new", 3, &error));
    file_double_cut_power(FILE_DOUBLE_KEEP_NAMES);
    expect_content("f", "");
    file_double_stop();
}

static void killed_fast_replacement_leaves_old_or_new(void **state)
{
    bool done = false;

    (void)state;
    for (int64_t call = 0; !done; call++) {
        struct error error;
        put("f", "old");
        file_double_start(folder);
        file_double_fail(call, FILE_DOUBLE_DEAD_SHORT, EIO);
        done = file_replace_fast(AT_FDCWD, in_folder("f"), "newer", 5, &error);
        file_double_stop();

        scoped(memory_free) char *text = get("f");
        assert_non_null(text);
        assert_string_equal(text, strcmp(text, "old") == 0 && !done ? "old" : "newer");
    }
}

static void failed_replacement_leaves_nothing_behind(void **state)
{
    bool done = false;

    (void)state;
    for (int64_t call = 0; !done; call++) {
        struct error error = {0};
        put("f", "old");
        file_double_start(folder);
        file_double_fail(call, FILE_DOUBLE_SHORT, ENOSPC);
        done = replace("newer", &error);
        file_double_stop();

        if (!done) {
            assert_int_equal(error.kind, ERROR_NO_SPACE);
            assert_int_equal(error.os_errno, ENOSPC);
            assert_non_null(strstr(error.message, "/f: "));
        }
        assert_false(file_exists(AT_FDCWD, in_folder("f.new")));
        assert_true(call < 50);
    }
}

/* In pieces, and until the one that fails. */
static bool write_pieces(int fd, const void *context, struct error *error)
{
    const int *good = context;

    for (int i = 0; i < 3; i++)
        if (!(i < *good ? file_write_whole(fd, "piece ", 6, error)
                        : error_set(error, ERROR_INVALID, "no more")))
            return false;
    return true;
}

static void what_is_written_in_pieces_is_whole_or_the_old(void **state)
{
    struct error error;

    (void)state;
    put("f", "old");
    for (int good = 0; good <= 3; good++) {
        bool done = file_replace_by(AT_FDCWD, in_folder("f"), write_pieces, &good, &error);

        assert_int_equal(done, good == 3);
        if (!done)
            assert_non_null(strstr(error.message, "no more"));
        expect_content("f", done ? "piece piece piece " : "old");
        assert_false(file_exists(AT_FDCWD, in_folder("f.new")));
    }
}

static void interrupted_calls_are_tried_again(void **state)
{
    int64_t calls = 1;

    (void)state;
    for (int64_t call = 0; call < calls; call++) {
        struct error error;
        put("f", "old");
        file_double_start(folder);
        file_double_fail(call, FILE_DOUBLE_FAIL, EINTR);
        assert_true(replace("new", &error));
        calls = file_double_calls();
        file_double_stop();
        expect_content("f", "new");
    }
    assert_true(calls > 5);
}

static void leftover_of_a_killed_writer_is_used_again(void **state)
{
    struct error error;
    struct stat status;

    (void)state;
    put("f.new", "something much longer than what comes now");
    assert_true(replace("new", &error));
    expect_content("f", "new");
    assert_false(file_exists(AT_FDCWD, in_folder("f.new")));
    assert_int_equal(stat(in_folder("f"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void two_writers_at_once_do_not_mix(void **state)
{
    scoped(descriptor_close) int other = -1;
    struct error error;

    (void)state;
    put("f.new", "half of what the other writer");
    other = open(in_folder("f.new"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_true(replace("ours", &error));
    expect_content("f", "ours");
    expect_content("f.new", "half of what the other writer");
}

static void replacement_works_relative_to_a_folder(void **state)
{
    scoped(descriptor_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error error;

    (void)state;
    assert_int_equal(mkdir(in_folder("sub"), 0700), 0);
    assert_true(file_replace(fd, "f", "1", 1, &error));
    assert_true(file_replace(fd, "sub/f", "2", 1, &error));
    expect_content("f", "1");
    expect_content("sub/f", "2");
    assert_false(file_replace(fd, "none/f", "3", 1, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* ---- writing ---- */

static void short_write_is_taken_back(void **state)
{
    static const int flags[] = {O_WRONLY, O_WRONLY | O_APPEND};

    (void)state;
    for (int i = 0; i < 4; i++) {
        scoped(descriptor_close) int fd = -1;
        struct error error;
        put("f", "begin:");
        fd = open(in_folder("f"), flags[i / 2] | O_CLOEXEC);
        lseek(fd, 0, flags[i / 2] & O_APPEND ? SEEK_SET : SEEK_END);
        file_double_start(folder);
        file_double_fail(0, i % 2 ? FILE_DOUBLE_SHORT : FILE_DOUBLE_FAIL, ENOSPC);
        assert_false(file_write_whole(fd, "abcdef", 6, &error));
        assert_int_equal(error.kind, ERROR_NO_SPACE);
        expect_content("f", "begin:");
        file_double_heal();
        assert_true(file_write_whole(fd, "xyz", 3, &error));
        file_double_stop();
        expect_content("f", "begin:xyz");
    }
}

static void half_a_write_is_followed_by_the_rest(void **state)
{
    scoped(descriptor_close) int fd = -1;
    struct error error;

    (void)state;
    put("f", "");
    fd = open(in_folder("f"), O_WRONLY | O_CLOEXEC);
    file_double_start(folder);
    file_double_fail(0, FILE_DOUBLE_HALF, 0);
    assert_true(file_write_whole(fd, "abcdef", 6, &error));
    assert_int_equal(file_double_calls(), 2);
    file_double_stop();
    expect_content("f", "abcdef");
}

static void pipe_is_written_whole(void **state)
{
    int ends[2];
    struct error error;
    char text[8];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(file_write_whole(ends[1], "abc", 3, &error));
    assert_int_equal(read(ends[0], text, sizeof(text)), 3);
    close(ends[0]);
    close(ends[1]);
}

static void torn_line_among_writers_ends_with_a_newline(void **state)
{
    scoped(descriptor_close) int fd = -1;
    struct error error;

    (void)state;
    put("f", "");
    fd = open(in_folder("f"), O_WRONLY | O_APPEND | O_CLOEXEC);
    file_double_start(folder);
    file_double_fail(0, FILE_DOUBLE_HALF, 0);
    assert_false(file_write_line(fd, "abcdef\n", 7, &error));
    assert_int_equal(error.kind, ERROR_NO_SPACE);
    assert_true(file_write_line(fd, "next\n", 5, &error));
    file_double_stop();
    expect_content("f", "abc\nnext\n");
}

/* ---- reading ---- */

static void file_is_read_up_to_its_limit(void **state)
{
    struct error error;
    char *text = NULL;
    size_t size = 77;

    (void)state;
    put("f", "12345");
    assert_true(file_read(AT_FDCWD, in_folder("f"), 5, &text, &size, &error));
    assert_int_equal(size, 5);
    assert_string_equal(text, "12345");
    memory_free(&text);
    assert_false(file_read(AT_FDCWD, in_folder("f"), 4, &text, &size, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.message, "larger than 4 bytes"));
    assert_null(text);
    assert_int_equal(size, 5);
    put("f", "");
    assert_true(file_read(AT_FDCWD, in_folder("f"), 0, &text, &size, &error));
    assert_string_equal(text, "");
    memory_free(&text);
    assert_false(file_read(AT_FDCWD, in_folder("none"), 9, &text, &size, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_false(file_read(AT_FDCWD, folder, 9, &text, &size, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_true(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &text, NULL, &error));
    assert_non_null(strstr(text, "Pid:"));
    memory_free(&text);
}

/* ---- folders ---- */

static void folders_are_made_on_the_way(void **state)
{
    struct error error;
    struct stat status;

    (void)state;
    assert_true(file_make_folders(in_folder("a/b//c/"), &error));
    assert_true(file_make_folders(in_folder("a/b/c"), &error));
    assert_int_equal(stat(in_folder("a/b/c"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    put("file", "");
    assert_false(file_make_folders(in_folder("file/x"), &error));
    assert_false(file_make_folders(in_folder("file"), &error));
    assert_int_equal(error.os_errno, ENOTDIR);
}

static void tree_is_removed_and_links_are_not_followed(void **state)
{
    struct error error;

    (void)state;
    assert_true(file_make_folders(in_folder("kept"), &error));
    put("kept/file", "stays");
    assert_true(file_make_folders(in_folder("tree/a/b/c"), &error));
    put("tree/a/b/file", "x");
    assert_int_equal(symlink(in_folder("kept"), in_folder("tree/a/link")), 0);
    assert_int_equal(symlink("/nowhere", in_folder("tree/dangling")), 0);
    assert_int_equal(mkfifo(in_folder("tree/fifo"), 0600), 0);
    assert_int_equal(chmod(in_folder("tree/a/b"), 0500), 0);
    assert_int_equal(chmod(in_folder("tree/a"), 0), 0);
    assert_true(file_remove_tree(AT_FDCWD, in_folder("tree"), &error));
    assert_false(file_exists(AT_FDCWD, in_folder("tree")));
    expect_content("kept/file", "stays");
    assert_true(file_remove_tree(AT_FDCWD, in_folder("tree"), &error));

    assert_int_equal(symlink(in_folder("kept"), in_folder("link")), 0);
    assert_true(file_remove_tree(AT_FDCWD, in_folder("link"), &error));
    expect_content("kept/file", "stays");
}

static void removal_that_fails_says_where(void **state)
{
    struct error error;

    (void)state;
    assert_true(file_make_folders(in_folder("tree/sub"), &error));
    put("tree/sub/file", "x");
    file_double_start(folder);
    file_double_fail(4, FILE_DOUBLE_FAIL, EROFS); /* unlink, open, unlink, open, unlink */
    assert_false(file_remove_tree(AT_FDCWD, in_folder("tree"), &error));
    file_double_stop();
    assert_non_null(strstr(error.message, "tree: sub: file: Read-only file system"));
    expect_content("tree/sub/file", "x");
}

static void made_folder_is_durable_when_its_parent_was_synced(void **state)
{
    struct error error;

    (void)state;
    file_double_start(folder);
    assert_true(file_make_folders(in_folder("one"), &error));
    assert_true(file_sync_folder(AT_FDCWD, folder, &error));
    assert_true(file_make_folders(in_folder("two"), &error));
    file_double_cut_power(FILE_DOUBLE_FORGET);
    file_double_stop();
    assert_true(file_exists(AT_FDCWD, in_folder("one")));
    assert_false(file_exists(AT_FDCWD, in_folder("two")));
}

/* ---- room ---- */

/* Where there is not enough of it nobody is the poorer; who cannot tell says nothing. */
static void room_is_there_before_anything_is_written(void **state)
{
    scoped(descriptor_close) int fd = open(in_folder("new"), O_WRONLY | O_CREAT, 0600);
    struct stat status;
    struct error error;

    (void)state;
    file_double_start(folder);
    file_double_fail(0, FILE_DOUBLE_FAIL, ENOSPC);
    assert_false(file_take_room(fd, 1 << 20, &error));
    assert_int_equal(error.kind, ERROR_NO_SPACE);
    file_double_fail(file_double_calls(), FILE_DOUBLE_FAIL, EINTR);
    assert_true(file_take_room(fd, 1 << 20, &error));
    assert_int_equal(file_double_calls(), 3);
    file_double_fail(file_double_calls(), FILE_DOUBLE_FAIL, EOPNOTSUPP);
    assert_true(file_take_room(fd, 1 << 20, &error));
    file_double_stop();
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_true(status.st_blocks * 512 >= 1 << 20);
}

/* ---- locks ---- */

static void lock_keeps_others_out_until_it_is_closed(void **state)
{
    struct error error;
    int first = -1, second = -1;

    (void)state;
    assert_true(file_lock(AT_FDCWD, in_folder("lock"), &first, &error));
    assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
    assert_false(file_lock(AT_FDCWD, in_folder("lock"), &second, &error));
    assert_int_equal(error.kind, ERROR_BUSY);
    assert_int_equal(second, -1);
    close(first);
    assert_true(file_lock(AT_FDCWD, in_folder("lock"), &second, &error));
    close(second);
}

static void removed_lock_keeps_nobody_out(void **state)
{
    scoped(descriptor_close) int first = -1;
    scoped(descriptor_close) int second = -1;
    struct error error;

    (void)state;
    assert_true(file_lock(AT_FDCWD, in_folder("lock"), &first, &error));
    unlink(in_folder("lock"));
    assert_true(file_lock(AT_FDCWD, in_folder("lock"), &second, &error));
    assert_true(file_exists(AT_FDCWD, in_folder("lock")));
}

#define in_own_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    static enum file_double_cut forget = FILE_DOUBLE_FORGET, keep_names = FILE_DOUBLE_KEEP_NAMES;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(replaced_file_is_old_or_new_at_every_cut, &forget),
        cmocka_unit_test_prestate(replaced_file_is_old_or_new_at_every_cut, &keep_names),
        in_own_folder(new_file_is_whole_or_absent_at_every_cut),
        in_own_folder(fast_replacement_is_atomic_but_not_durable),
        in_own_folder(killed_fast_replacement_leaves_old_or_new),
        in_own_folder(failed_replacement_leaves_nothing_behind),
        in_own_folder(what_is_written_in_pieces_is_whole_or_the_old),
        in_own_folder(interrupted_calls_are_tried_again),
        in_own_folder(leftover_of_a_killed_writer_is_used_again),
        in_own_folder(two_writers_at_once_do_not_mix),
        in_own_folder(replacement_works_relative_to_a_folder),
        in_own_folder(short_write_is_taken_back),
        in_own_folder(half_a_write_is_followed_by_the_rest),
        cmocka_unit_test(pipe_is_written_whole),
        in_own_folder(torn_line_among_writers_ends_with_a_newline),
        in_own_folder(file_is_read_up_to_its_limit),
        in_own_folder(folders_are_made_on_the_way),
        in_own_folder(tree_is_removed_and_links_are_not_followed),
        in_own_folder(removal_that_fails_says_where),
        in_own_folder(made_folder_is_durable_when_its_parent_was_synced),
        in_own_folder(room_is_there_before_anything_is_written),
        in_own_folder(lock_keeps_others_out_until_it_is_closed),
        in_own_folder(removed_lock_keeps_nobody_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
