/*
 * A run whose disk fails at every call in turn: each time its journal has whole lines only, and
 * either both of its events or an error for the caller.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/journal.h"
#include "common/owner.h"
#include "worker/run.h"

#define MOST_CALLS 20

enum failure { FAIL_WRITE, FAIL_SHORT_WRITE, FAIL_SYNC, FAIL_FOLDER };

/* Only the forked child that executes the run changes these. */
static enum failure failure;
static int calls_left; /* until the one that fails */

static bool now_it_fails(enum failure kind)
{
    return failure == kind && calls_left-- == 0;
}

static ssize_t failing_write(int fd, const void *data, size_t size)
{
    if (now_it_fails(FAIL_WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    if (now_it_fails(FAIL_SHORT_WRITE)) {
        ssize_t n = file_system_real.write(fd, data, size / 2);

        failure = FAIL_WRITE;
        calls_left = 0;
        return n;
    }
    return file_system_real.write(fd, data, size);
}

static int failing_datasync(int fd)
{
    if (now_it_fails(FAIL_SYNC)) {
        errno = EIO;
        return -1;
    }
    return file_system_real.fdatasync(fd);
}

static int failing_mkdir(int folder, const char *path, mode_t mode)
{
    if (!file_exists(folder, path) && now_it_fails(FAIL_FOLDER)) {
        errno = ENOSPC;
        return -1;
    }
    return file_system_real.mkdir(folder, path, mode);
}

struct outcome {
    int status; /* of the worker */
    bool disturbed;
    bool ran;
    int n_events;
    char last[32]; /* name of the last event */
    int64_t exit_status;
};

static void write_spec(const char *folder)
{
    static const char spec[] =
        "{\"v\":1,\"id\":1,\"run\":1,\"seed\":1,\"cwd\":\"\",\"spec\":{\"name\":\"x\","
        "\"command\":[\"sh\",\"-c\",\"touch $NIGHTJAR_RUN_DIR/ran; exit 3\"],\"resources\":{}}}";
    char path[128];
    struct error error;

    assert_true(file_make_folders(folder, &error));
    (void)snprintf(path, sizeof(path), "%s/spec.json", folder);
    assert_true(file_replace_fast(AT_FDCWD, path, spec, sizeof(spec) - 1, &error));
}

/* In a process of its own, since a worker blocks signals and becomes a subreaper. */
static int execute(const char *folder, enum failure kind, int call, bool *ret_disturbed)
{
    struct file_system failing = file_system_real;
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct error error;
        bool done = false;

        failing.write = failing_write;
        failing.fdatasync = failing_datasync;
        failing.mkdir = failing_mkdir;
        failure = kind;
        calls_left = call;
        (void)file_system_use(&failing);
        done =
            run_execute(folder, &(struct run_handles){.lock = -1, .engine = -1}, environ, &error);
        _exit((done ? 0 : error_exit_status(error.kind)) | (calls_left < 0 ? 0x80 : 0));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    *ret_disturbed = WEXITSTATUS(status) & 0x80;
    return WEXITSTATUS(status) & 0x7f;
}

static void read_events(const char *folder, struct outcome *outcome)
{
    struct journal_reader reader;
    struct error error;
    cJSON *event = NULL;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/events.jsonl", folder);
    assert_true(journal_reader_open(AT_FDCWD, path, 0, &reader, &error));
    for (;;) {
        assert_true(journal_next(&reader, &event, NULL, &error));
        if (!event)
            break;
        outcome->n_events++;
        assert_int_equal(json_integer(event, "seq", 0), outcome->n_events);
        (void)snprintf(outcome->last, sizeof(outcome->last), "%s", json_text(event, "event", ""));
        outcome->exit_status = json_integer(event, "status", -2);
        json_free(&event);
    }
    assert_int_equal(reader.bad_lines, 0);
    assert_int_equal(reader.buffer.size, 0); /* no half line */
    journal_reader_close(&reader);
}

static struct outcome run_disturbed(enum failure kind, int call)
{
    char home[] = "/tmp/nightjar-run.XXXXXX";
    char folder[64];
    char ran[96];
    struct outcome outcome = {0};
    struct error error;

    assert_non_null(mkdtemp(home));
    (void)snprintf(folder, sizeof(folder), "%s/runs/1/1", home);
    (void)snprintf(ran, sizeof(ran), "%s/ran", folder);
    write_spec(folder);
    outcome.status = execute(folder, kind, call, &outcome.disturbed);
    outcome.ran = file_exists(AT_FDCWD, ran);
    read_events(folder, &outcome);
    assert_true(file_remove_tree(AT_FDCWD, home, &error));
    return outcome;
}

static void assert_complete(const struct outcome *outcome)
{
    assert_int_equal(outcome->status, 0);
    assert_int_equal(outcome->n_events, 2);
    assert_string_equal(outcome->last, "exit");
    assert_int_equal(outcome->exit_status, 3);
    assert_true(outcome->ran);
}

/* Lets each call fail in turn until there is none left to fail; returns how many there were. */
static int disturb_each_call(enum failure kind, void (*check)(const struct outcome *outcome))
{
    for (int call = 0; call < MOST_CALLS; call++) {
        struct outcome outcome = run_disturbed(kind, call);

        if (!outcome.disturbed) {
            assert_complete(&outcome);
            return call;
        }
        check(&outcome);
    }
    fail_msg("more than %d calls", MOST_CALLS);
    return 0;
}

static void full_disk_at_any_write_delays_the_run_and_loses_nothing(void **state)
{
    (void)state;
    assert_true(disturb_each_call(FAIL_WRITE, assert_complete) >= 2);
}

static void half_a_line_is_taken_back_and_written_again(void **state)
{
    (void)state;
    assert_true(disturb_each_call(FAIL_SHORT_WRITE, assert_complete) >= 2);
}

/* Without a synced `exit` nobody is told that there is one. */
static void assert_not_vouched_for(const struct outcome *outcome)
{
    assert_int_equal(outcome->status, 5);
    assert_true(outcome->ran);
}

static void sync_that_fails_is_never_vouched_for(void **state)
{
    (void)state;
    assert_int_equal(disturb_each_call(FAIL_SYNC, assert_not_vouched_for), 1);
}

static void assert_unstarted(const struct outcome *outcome)
{
    assert_int_equal(outcome->status, 7);
    assert_int_equal(outcome->n_events, 0);
    assert_false(outcome->ran);
}

static void run_without_room_for_its_folders_has_not_started(void **state)
{
    (void)state;
    assert_int_equal(disturb_each_call(FAIL_FOLDER, assert_unstarted), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk_at_any_write_delays_the_run_and_loses_nothing),
        cmocka_unit_test(half_a_line_is_taken_back_and_written_again),
        cmocka_unit_test(sync_that_fails_is_never_vouched_for),
        cmocka_unit_test(run_without_room_for_its_folders_has_not_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
