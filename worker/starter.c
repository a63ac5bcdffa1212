/*
 * clone(CLONE_PARENT): the new process is a child of whoever the worker is a child of, the daemon
 * before this one or who has inherited its children. A second fork would not do: its orphan would
 * be the worker's, which is a subreaper.
 */
#include "worker/starter.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/process.h"
#include "common/wire.h"
#include "worker/child.h"

void starter_release(struct starter *starter)
{
    descriptor_close(&starter->pidfd);
}

static bool is_at_it(const struct starter *starter)
{
    struct pollfd watch = {.fd = starter->pidfd, .events = POLLIN};

    return starter->pidfd >= 0 && poll(&watch, 1, 0) == 0;
}

static bool is_of_run(pid_t pid)
{
    scoped(processes_release) struct processes found = {0};
    struct error error;

    if (!processes_list(&found, &error))
        return false;
    processes_keep_descendants(&found, getpid());
    for (size_t i = 0; i < found.n; i++)
        if (found.item[i].pid == pid)
            return true;
    return false;
}

/* The daemon has all processors to give, and what it asks for is its own affair, not the run's. */
static void leave_run(void)
{
    cpu_set_t all;

    memset(&all, 0xff, sizeof(all));
    (void)sched_setaffinity(0, sizeof(all), &all); /* the kernel leaves out what we may not use */
    (void)setsid();
    child_reset_signals();
    process_forget_run();
    (void)unsetenv("CUDA_VISIBLE_DEVICES");
    (void)unsetenv("NIGHTJAR_NO_START"); /* the asker's may differ, and it does ask */
}

/* home/runs/<experiment>/<run>: cut off what lies below the home. */
static bool find_home(const char *run_folder, char ret_home[PATH_MAX])
{
    int n = snprintf(ret_home, PATH_MAX, "%s", run_folder);

    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(ret_home, '/');

        if (!slash || n >= PATH_MAX)
            return false;
        *slash = '\0';
    }
    return ret_home[0];
}

/* The default home goes without saying, so that nj may leave it to systemd's unit. */
static bool name_home(const char *run_folder)
{
    scoped(buffer_release) struct buffer standard = {0};
    char home[PATH_MAX];
    struct error error;

    if (!find_home(run_folder, home))
        return false;
    (void)unsetenv("NIGHTJAR_HOME");
    if (wire_home(&standard, &error) && !strcmp(standard.data, home))
        return true;
    return setenv("NIGHTJAR_HOME", home, true) == 0;
}

__attribute__((noreturn)) static void become(pid_t asker, const char *run_folder)
{
    char program[64];

    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    leave_run();
    (void)snprintf(program, sizeof(program), "/proc/%d/exe", (int)asker);
    if (name_home(run_folder))
        (void)execl(program, "nj", "daemon", "start", (char *)NULL);
    _exit(127);
}

void starter_start(struct starter *starter, pid_t asker, const char *run_folder)
{
    int pidfd = -1;
    long pid = 0;

    if (is_at_it(starter) || !is_of_run(asker))
        return;
    pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid == 0)
        become(asker, run_folder);
    if (pid < 0) {
        log_warning("starting the daemon: %s", strerror(errno));
        return;
    }
    descriptor_close(&starter->pidfd);
    starter->pidfd = pidfd;
}
