/* Finding and signalling real processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "common/process.h"

#define MARKER "0123456789abcdef/12/3"

/* A child that has executed `sleep` with these variables, and sleeps. */
static pid_t start_sleeper(char *const *environment)
{
    int fd[2];
    char byte = 0;
    pid_t pid = -1;

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execle("/bin/sleep", "sleep (odd) name", "600", (char *)NULL, environment);
        _exit(127);
    }
    (void)close(fd[1]);
    assert_int_equal(read(fd[0], &byte, 1), 0); /* exec closed the other end */
    (void)close(fd[0]);
    return pid;
}

static int end_sleeper(pid_t pid)
{
    int status = 0;

    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool holds(const struct processes *processes, pid_t pid)
{
    for (size_t i = 0; i < processes->n; i++)
        if (processes->item[i].pid == pid)
            return true;
    return false;
}

static void process_is_looked_up_by_id(void **state)
{
    struct process self;
    struct process other;
    pid_t pid = start_sleeper(environ);

    (void)state;
    assert_true(process_look(getpid(), &self));
    assert_int_equal(self.parent, getppid());
    assert_int_equal(self.state, 'R');
    assert_true(process_look(pid, &other));
    assert_int_equal(other.parent, getpid());
    assert_true(other.start >= self.start);
    (void)end_sleeper(pid);
    assert_false(process_look(pid, &other));
}

static void process_with_another_start_time_is_not_opened(void **state)
{
    struct process process;
    pid_t pid = start_sleeper(environ);
    int pidfd = -1;

    (void)state;
    assert_true(process_look(pid, &process));
    pidfd = process_open(&process);
    assert_true(pidfd >= 0);
    (void)close(pidfd);
    process.start--;
    assert_int_equal(process_open(&process), -1);
    (void)end_sleeper(pid);
    process.start++;
    assert_int_equal(process_open(&process), -1);
}

static void marked_processes_are_found_and_others_are_not(void **state)
{
    static char marked[] = "NIGHTJAR_RUN=" MARKER;
    static char longer[] = "NIGHTJAR_RUN=" MARKER "4";
    static char other[] = "NOT_NIGHTJAR_RUN=" MARKER;
    static char first[] = "A=b";
    char *with_marker[] = {first, marked, NULL};
    char *with_longer[] = {longer, first, NULL};
    char *with_other[] = {other, NULL};
    pid_t pid[3] = {start_sleeper(with_marker), start_sleeper(with_longer),
                    start_sleeper(with_other)};
    struct processes found = {0};
    struct error error;

    (void)state;
    assert_true(processes_list(&found, &error));
    processes_keep_marked(&found, MARKER);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.item[0].pid, pid[0]);
    assert_int_equal(processes_signal(&found, SIGTERM), 1);
    assert_int_equal(WTERMSIG(end_sleeper(pid[0])), SIGTERM);
    assert_int_equal(WTERMSIG(end_sleeper(pid[1])), SIGKILL);
    assert_int_equal(WTERMSIG(end_sleeper(pid[2])), SIGKILL);
    processes_release(&found);
}

static void descendants_of_a_process_are_found_at_any_depth(void **state)
{
    struct processes found = {0};
    struct processes none = {0};
    struct error error;
    int fd[2];
    pid_t grandchild = 0;
    pid_t child = -1;

    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pid_t pid = fork();

        if (pid > 0 && write(fd[1], &pid, sizeof(pid)) < 0)
            _exit(1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(fd[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    assert_true(processes_list(&found, &error));
    assert_true(holds(&found, getpid()));
    processes_keep_descendants(&found, getpid());
    assert_true(holds(&found, child));
    assert_true(holds(&found, grandchild));
    assert_false(holds(&found, getpid()));
    assert_false(holds(&found, getppid()));
    assert_int_equal(found.n, 2);
    assert_true(processes_list(&none, &error));
    processes_keep_descendants(&none, grandchild);
    assert_int_equal(none.n, 0);
    assert_int_equal(processes_signal(&found, SIGKILL), 2);
    assert_int_equal(waitpid(child, NULL, 0), child);
    processes_release(&found);
    processes_release(&none);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

static void value_travels_with_a_signal(void **state)
{
    struct process self;
    sigset_t set;
    siginfo_t info;
    int pidfd = -1;

    (void)state;
    assert_int_equal(sigemptyset(&set), 0);
    assert_int_equal(sigaddset(&set, SIGTERM), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    assert_true(process_look(getpid(), &self));
    pidfd = process_open(&self);
    assert_true(process_signal(pidfd, SIGTERM, PROCESS_STOP_CANCELLED));
    assert_int_equal(sigwaitinfo(&set, &info), SIGTERM);
    assert_int_equal(info.si_value.sival_int, PROCESS_STOP_CANCELLED);
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    (void)close(pidfd);
}

static void marker_names_home_experiment_and_run(void **state)
{
    char home[] = "/tmp/nightjar-marker.XXXXXX";
    char folder[128];
    char marker[PROCESS_MARKER_SIZE];
    char again[PROCESS_MARKER_SIZE];
    struct error error;

    (void)state;
    assert_non_null(mkdtemp(home));
    (void)snprintf(folder, sizeof(folder), "%s/runs/12/3", home);
    assert_true(file_make_folders(folder, &error));
    assert_true(process_marker(folder, marker, &error));
    assert_int_equal(strlen(marker), 16 + strlen("/12/3"));
    assert_string_equal(marker + 16, "/12/3");
    (void)snprintf(folder, sizeof(folder), "%s/./runs/../runs/12/3/", home);
    assert_true(process_marker(folder, again, &error));
    assert_string_equal(marker, again);
    assert_false(process_marker("/", again, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_false(process_marker("/nonexistent/1/2", again, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_true(file_remove_tree(AT_FDCWD, home, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_is_looked_up_by_id),
        cmocka_unit_test(process_with_another_start_time_is_not_opened),
        cmocka_unit_test(marked_processes_are_found_and_others_are_not),
        cmocka_unit_test(descendants_of_a_process_are_found_at_any_depth),
        cmocka_unit_test(value_travels_with_a_signal),
        cmocka_unit_test(marker_names_home_experiment_and_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
