/* Checkpoints: whole or refused, whatever was cut, flipped or failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "common/file.h"
#include "tests/double/memory_double.h"
#include "worker/engine/checkpoint.h"

#define FOLDER_PATTERN "/tmp/nightjar-checkpoint-XXXXXX"

struct subject {
    char folder[64];
    char path[96];
    double weights[20];
    int64_t step;
    struct state state;
    struct checkpoint_identity identity;
    struct error error;
    bool same_machine;
};

static void fill(struct subject *subject, int64_t step)
{
    subject->step = step;
    for (int i = 0; i < 20; i++)
        subject->weights[i] = (double)(step * 100 + i);
}

static void set_up(struct subject *subject)
{
    *subject = (struct subject){.folder = FOLDER_PATTERN,
                                .identity = {.configuration = 7, .machine = "plain X threads=1"}};
    assert_non_null(mkdtemp(subject->folder));
    (void)snprintf(subject->path, sizeof(subject->path), "%s/last.ckpt", subject->folder);
    assert_true(state_add(&subject->state, "weights", subject->weights, sizeof(subject->weights),
                          &subject->error));
    assert_true(
        state_add(&subject->state, "step", &subject->step, sizeof(subject->step), &subject->error));
    fill(subject, 1);
}

static void tear_down(struct subject *subject)
{
    assert_true(file_remove_tree(AT_FDCWD, subject->folder, &subject->error));
}

static bool write_one(struct subject *subject)
{
    return checkpoint_write(subject->folder, "last.ckpt", &subject->state, &subject->identity, true,
                            &subject->error);
}

static bool read_one(struct subject *subject, const char *name)
{
    return checkpoint_read(subject->folder, name, &subject->state, &subject->identity,
                           &subject->same_machine, &subject->error);
}

static void assert_holds(const struct subject *subject, int64_t step)
{
    assert_int_equal(subject->step, step);
    for (int i = 0; i < 20; i++)
        assert_true(subject->weights[i] == (double)(step * 100 + i));
}

static void state_comes_back_as_it_was(void **state)
{
    struct subject subject;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    fill(&subject, 2);
    assert_true(read_one(&subject, "last.ckpt"));
    assert_holds(&subject, 1);
    assert_true(subject.same_machine);
    tear_down(&subject);
}

/* A text of any length, as a source gives and takes it. */
struct text {
    char data[32];
    bool refuses;
};

static bool save_text(void *context, const void **ret_data, uint64_t *ret_size, struct error *error)
{
    struct text *text = context;

    (void)error;
    *ret_data = text->data;
    *ret_size = strlen(text->data);
    return true;
}

static bool load_text(void *context, const void *data, uint64_t size, struct error *error)
{
    struct text *text = context;

    if (text->refuses)
        return error_set(error, ERROR_IO, "not this one");
    memcpy(text->data, data, size);
    text->data[size] = '\0';
    return true;
}

static void pieces_of_a_source_have_any_size(void **state)
{
    struct text text = {.data = "short"};
    const struct state_source source = {.context = &text, .save = save_text, .load = load_text};
    struct subject subject;

    (void)state;
    set_up(&subject);
    assert_true(state_add_source(&subject.state, "text", &source, &subject.error));
    assert_true(write_one(&subject));
    (void)strcpy(text.data, "something longer");
    fill(&subject, 2);
    assert_true(write_one(&subject));
    assert_true(read_one(&subject, "last.ckpt.1"));
    assert_string_equal(text.data, "short");
    assert_holds(&subject, 1);
    text.refuses = true; /* then nothing else is taken either */
    assert_false(read_one(&subject, "last.ckpt"));
    assert_non_null(strstr(subject.error.message, "not this one"));
    assert_holds(&subject, 1);
    text.refuses = false;
    assert_true(read_one(&subject, "last.ckpt"));
    assert_string_equal(text.data, "something longer");
    assert_holds(&subject, 2);
    tear_down(&subject);
}

static void one_before_is_kept(void **state)
{
    struct subject subject;

    (void)state;
    set_up(&subject);
    for (int64_t step = 1; step <= 3; step++) {
        fill(&subject, step);
        assert_true(write_one(&subject));
    }
    assert_true(read_one(&subject, "last.ckpt.1"));
    assert_holds(&subject, 2);
    assert_true(read_one(&subject, "last.ckpt"));
    assert_holds(&subject, 3);
    tear_down(&subject);
}

static void missing_checkpoint_is_not_found(void **state)
{
    struct subject subject;

    (void)state;
    set_up(&subject);
    assert_false(read_one(&subject, "last.ckpt"));
    assert_int_equal(subject.error.kind, ERROR_NOT_FOUND);
    tear_down(&subject);
}

static void checkpoint_cut_anywhere_is_refused(void **state)
{
    struct subject subject;
    char *data;
    size_t size;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    assert_true(file_read(AT_FDCWD, subject.path, 1 << 20, &data, &size, &subject.error));
    fill(&subject, 5);
    for (size_t length = 0; length < size; length++) {
        assert_true(file_replace_fast(AT_FDCWD, subject.path, data, length, &subject.error));
        assert_false(read_one(&subject, "last.ckpt"));
        assert_int_equal(subject.error.kind, ERROR_CORRUPT);
        assert_holds(&subject, 5);
    }
    free(data);
    tear_down(&subject);
}

static void checkpoint_flipped_anywhere_is_refused(void **state)
{
    struct subject subject;
    char *data;
    size_t size;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    assert_true(file_read(AT_FDCWD, subject.path, 1 << 20, &data, &size, &subject.error));
    fill(&subject, 5);
    for (size_t i = 0; i < size; i++) {
        data[i] ^= (char)(1 << (i % 8));
        assert_true(file_replace_fast(AT_FDCWD, subject.path, data, size, &subject.error));
        assert_false(read_one(&subject, "last.ckpt"));
        assert_int_equal(subject.error.kind, ERROR_CORRUPT);
        assert_holds(&subject, 5);
        data[i] ^= (char)(1 << (i % 8));
    }
    free(data);
    tear_down(&subject);
}

static void longer_file_is_refused(void **state)
{
    struct subject subject;
    char *data, *longer;
    size_t size;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    assert_true(file_read(AT_FDCWD, subject.path, 1 << 20, &data, &size, &subject.error));
    longer = calloc(1, size + 1);
    assert_non_null(longer);
    memcpy(longer, data, size);
    assert_true(file_replace_fast(AT_FDCWD, subject.path, longer, size + 1, &subject.error));
    assert_false(read_one(&subject, "last.ckpt"));
    assert_int_equal(subject.error.kind, ERROR_CORRUPT);
    free(longer);
    free(data);
    tear_down(&subject);
}

static void other_configuration_or_other_pieces_are_refused(void **state)
{
    struct subject subject;
    double extra = 0;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    subject.identity.configuration++;
    assert_false(read_one(&subject, "last.ckpt"));
    assert_int_equal(subject.error.kind, ERROR_INVALID);
    assert_non_null(strstr(subject.error.message, "another configuration"));
    subject.identity.configuration--;
    subject.state.piece[0].size -= 8;
    assert_false(read_one(&subject, "last.ckpt"));
    assert_int_equal(subject.error.kind, ERROR_INVALID);
    subject.state.piece[0].size += 8;
    assert_true(state_add(&subject.state, "more", &extra, sizeof(extra), &subject.error));
    assert_false(read_one(&subject, "last.ckpt"));
    assert_non_null(strstr(subject.error.message, "another model"));
    tear_down(&subject);
}

static void other_machine_is_told(void **state)
{
    struct subject subject;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    (void)snprintf(subject.identity.machine, sizeof(subject.identity.machine), "avx2 X threads=2");
    assert_true(read_one(&subject, "last.ckpt"));
    assert_false(subject.same_machine);
    tear_down(&subject);
}

static void piece_cannot_be_registered_twice(void **state)
{
    struct subject subject;
    char name[16];

    (void)state;
    set_up(&subject);
    assert_false(state_add(&subject.state, "step", &subject.step, 8, &subject.error));
    assert_int_equal(subject.error.kind, ERROR_INTERNAL);
    for (int i = subject.state.n; i < STATE_PIECES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "piece%d", i);
        assert_true(state_add(&subject.state, name, &subject.step, 8, &subject.error));
    }
    assert_false(state_add(&subject.state, "one too many", &subject.step, 8, &subject.error));
    tear_down(&subject);
}

/* ---- failing system calls ---- */

static int calls_left; /* before one fails; negative: none does */

static bool fails(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

static int failing_open(int folder, const char *path, int flags, mode_t mode)
{
    return fails() ? (errno = EIO, -1) : file_system_real.open(folder, path, flags, mode);
}

/* Half of it arrives before the disk is full. */
static ssize_t failing_write(int fd, const void *data, size_t size)
{
    if (!fails())
        return file_system_real.write(fd, data, size);
    (void)file_system_real.write(fd, data, size / 2);
    errno = ENOSPC;
    return -1;
}

static int failing_fsync(int fd)
{
    return fails() ? (errno = EIO, -1) : file_system_real.fsync(fd);
}

static int failing_take_room(int fd, off_t size)
{
    return fails() ? (errno = ENOSPC, -1) : file_system_real.take_room(fd, size);
}

static int failing_rename(int folder, const char *from, const char *to)
{
    return fails() ? (errno = EIO, -1) : file_system_real.rename(folder, from, to);
}

/* Nor the one that it began: on a full disk that would stay the room of others. */
static void assert_nothing_begun(const struct subject *subject)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s.new", subject->path);
    assert_false(file_exists(AT_FDCWD, path));
}

static void failed_write_leaves_a_whole_checkpoint_behind(void **state)
{
    struct file_system failing = file_system_real;
    struct subject subject;
    bool written = false;
    int at = 0;

    (void)state;
    failing.open = failing_open;
    failing.write = failing_write;
    failing.fsync = failing_fsync;
    failing.take_room = failing_take_room;
    failing.rename = failing_rename;
    set_up(&subject);
    fill(&subject, 1);
    assert_true(write_one(&subject));
    for (; !written; at++) {
        assert_true(at < 100);
        fill(&subject, 2);
        calls_left = at;
        (void)file_system_use(&failing);
        written = write_one(&subject);
        (void)file_system_use(&file_system_real);
        assert_nothing_begun(&subject);
        if (!read_one(&subject, "last.ckpt")) {
            assert_int_equal(subject.error.kind, ERROR_NOT_FOUND);
            assert_true(read_one(&subject, "last.ckpt.1"));
        }
        assert_true(subject.step == 1 || subject.step == 2);
        assert_holds(&subject, written ? 2 : subject.step);
        fill(&subject, 1);
        assert_true(written || write_one(&subject));
    }
    assert_true(at > 9); /* open, room, header, table, two pieces, fsync, two renames, folder */
    tear_down(&subject);
}

/* Whatever allocation fails: writing leaves the one before, reading leaves the state as it was. */
static void checkpoint_without_memory_is_an_error_and_harms_nothing(void **state)
{
    struct subject subject;
    bool failed = true;
    bool good;

    (void)state;
    set_up(&subject);
    assert_true(write_one(&subject));
    for (int64_t n = 0; failed; n++) {
        fill(&subject, 2);
        memory_double_start(n);
        good = write_one(&subject);
        failed = memory_double_stop();
        if (!good)
            assert_int_equal(subject.error.kind, ERROR_NO_MEMORY);
        assert_true(good || failed);
        fill(&subject, 3);
        assert_true(read_one(&subject, "last.ckpt"));
        assert_holds(&subject, good ? 2 : 1);
        fill(&subject, 1);
        assert_true(write_one(&subject));
    }
    failed = true;
    for (int64_t n = 0; failed; n++) {
        fill(&subject, 3);
        memory_double_start(n);
        good = read_one(&subject, "last.ckpt");
        failed = memory_double_stop();
        if (!good)
            assert_int_equal(subject.error.kind, ERROR_NO_MEMORY);
        assert_true(good || failed);
        assert_holds(&subject, good ? 1 : 3);
    }
    tear_down(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_comes_back_as_it_was),
        cmocka_unit_test(pieces_of_a_source_have_any_size),
        cmocka_unit_test(one_before_is_kept),
        cmocka_unit_test(missing_checkpoint_is_not_found),
        cmocka_unit_test(checkpoint_cut_anywhere_is_refused),
        cmocka_unit_test(checkpoint_flipped_anywhere_is_refused),
        cmocka_unit_test(longer_file_is_refused),
        cmocka_unit_test(other_configuration_or_other_pieces_are_refused),
        cmocka_unit_test(other_machine_is_told),
        cmocka_unit_test(piece_cannot_be_registered_twice),
        cmocka_unit_test(failed_write_leaves_a_whole_checkpoint_behind),
        cmocka_unit_test(checkpoint_without_memory_is_an_error_and_harms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
