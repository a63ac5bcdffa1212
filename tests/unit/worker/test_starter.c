/*
 * Starting the daemon outside of the run. The test is the worker, its child the one that asks, and
 * this same program stands in for nj: it writes down in what surroundings it was started.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/starter.h"

#define DEADLINE_MS 60000

struct seen {
    int parent, session_is_own, cpus, blocked, marked;
    char home[256];
};

static char folder[] = "/tmp/nightjar-starter-XXXXXX";
static char run_folder[sizeof(folder) + 64];

/* ---- as nj ---- */

static int write_down(void)
{
    const char *home = getenv("NIGHTJAR_HOME");
    FILE *file = fopen(getenv("TEST_SEEN"), "w");
    cpu_set_t cpus;
    sigset_t blocked;

    if (!file || sched_getaffinity(0, sizeof(cpus), &cpus) != 0 ||
        sigprocmask(SIG_BLOCK, NULL, &blocked) != 0)
        return 1;
    (void)fprintf(file, "%d %d %d %d %d %s\n", (int)getppid(), getsid(0) == getpid(),
                  CPU_COUNT(&cpus), sigismember(&blocked, SIGTERM),
                  getenv("NIGHTJAR_RUN") || getenv("OMP_NUM_THREADS"), home ? home : "-");
    return fclose(file);
}

/* ---- as the worker ---- */

static pid_t start_asker(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        for (;;)
            (void)pause();
    return pid;
}

static void end_asker(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void wait_for_end_of(const struct starter *starter)
{
    struct pollfd watch = {.fd = starter->pidfd, .events = POLLIN};

    assert_true(starter->pidfd >= 0);
    assert_int_equal(poll(&watch, 1, DEADLINE_MS), 1);
}

static struct seen start_and_see(void)
{
    struct starter starter = {.pidfd = -1};
    pid_t asker = start_asker();
    struct seen seen = {0};

    starter_start(&starter, asker, run_folder);
    wait_for_end_of(&starter);
    starter_release(&starter);
    end_asker(asker);
    FILE *file = fopen(getenv("TEST_SEEN"), "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d %d %d %d %d %255s", &seen.parent, &seen.session_is_own,
                            &seen.cpus, &seen.blocked, &seen.marked, seen.home),
                     6);
    (void)fclose(file);
    return seen;
}

static int all_cpus(void)
{
    cpu_set_t before, all;

    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    memset(&all, 0xff, sizeof(all));
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    return CPU_COUNT(&all);
}

static void who_starts_the_daemon_is_the_workers_sibling_with_nothing_of_the_run(void **state)
{
    cpu_set_t before, one;
    sigset_t term;

    (void)state;
    int cpus = all_cpus();
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &term, NULL), 0);
    (void)setenv("NIGHTJAR_RUN", "0123456789abcdef/7/1", 1);
    (void)setenv("OMP_NUM_THREADS", "1", 1);
    struct seen seen = start_and_see();
    (void)unsetenv("NIGHTJAR_RUN");
    (void)unsetenv("OMP_NUM_THREADS");
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &term, NULL), 0);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);

    assert_int_equal(seen.parent, getppid());
    assert_true(seen.session_is_own);
    assert_int_equal(seen.cpus, cpus);
    assert_false(seen.blocked);
    assert_false(seen.marked);
    assert_string_equal(seen.home, folder);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing to wait for: none is left of it */
}

static void default_home_goes_without_saying(void **state)
{
    char home[sizeof(folder) + 16], below[sizeof(home) + 32];
    struct error error;

    (void)state;
    (void)snprintf(home, sizeof(home), "%s/nightjar", folder);
    (void)snprintf(below, sizeof(below), "%s/runs/1/1", home);
    assert_true(file_make_folders(below, &error));
    (void)setenv("XDG_DATA_HOME", folder, 1);
    (void)setenv("NIGHTJAR_HOME", home, 1);
    (void)snprintf(run_folder, sizeof(run_folder), "%s", below);
    struct seen seen = start_and_see();
    (void)unsetenv("XDG_DATA_HOME");
    (void)unsetenv("NIGHTJAR_HOME");
    (void)snprintf(run_folder, sizeof(run_folder), "%s/runs/7/1", folder);
    assert_string_equal(seen.home, "-");
}

static void stranger_is_not_served(void **state)
{
    struct starter starter = {.pidfd = -1};

    (void)state;
    starter_start(&starter, getppid(), run_folder);
    starter_start(&starter, getpid(), run_folder);
    assert_int_equal(starter.pidfd, -1);
}

static void nobody_is_started_while_the_last_is_at_it(void **state)
{
    pid_t asker = start_asker();
    struct starter starter = {.pidfd = pidfd_open(asker, 0)};
    int pidfd = starter.pidfd;

    (void)state;
    starter_start(&starter, asker, run_folder);
    assert_int_equal(starter.pidfd, pidfd);
    end_asker(asker);
    starter_release(&starter);
}

static int make_folder(void **state)
{
    static char seen[sizeof(folder) + 8];

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(seen, sizeof(seen), "%s/seen", folder);
    (void)snprintf(run_folder, sizeof(run_folder), "%s/runs/7/1", folder);
    return setenv("TEST_SEEN", seen, 1);
}

static int remove_folder(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, folder, &error) ? 0 : -1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_starts_the_daemon_is_the_workers_sibling_with_nothing_of_the_run),
        cmocka_unit_test(default_home_goes_without_saying),
        cmocka_unit_test(stranger_is_not_served),
        cmocka_unit_test(nobody_is_started_while_the_last_is_at_it),
    };

    if (argc == 3 && !strcmp(argv[1], "daemon") && !strcmp(argv[2], "start"))
        return write_down();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
