/*
 * Between fork and exec the child does, in this order: tie its life to the parent's, wait for a
 * byte, then become the program. Where that fails it writes {stage, errno} to a pipe that exec
 * would have closed.
 */
#include "worker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/owner.h"
#include "common/process.h"

#define OOM_SCORE "500" /* when memory runs out, the experiment goes, not what looks after it */

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2) /* Linux 6.9 */
#endif

struct pipe_pair {
    int read_end, write_end; /* owned */
};

struct failure {
    int stage, os_errno;
};

static void pipe_release(struct pipe_pair *pair)
{
    descriptor_close(&pair->read_end);
    descriptor_close(&pair->write_end);
}

static bool pipe_open(struct pipe_pair *ret_pair, struct error *error)
{
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) != 0)
        return error_set_errno(error, errno, "making a pipe");
    *ret_pair = (struct pipe_pair){fd[0], fd[1]};
    return true;
}

void child_release(struct child *child)
{
    descriptor_close(&child->pidfd);
    descriptor_close(&child->go);
    descriptor_close(&child->failure);
}

void child_reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &standard, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void raise_oom_score(void)
{
    scoped(descriptor_close) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
        return; /* a sandbox without it: nothing is lost but the preference */
}

__attribute__((noreturn)) static void give_up(int failure, enum child_stage stage)
{
    struct failure report = {(int)stage, errno};

    if (write(failure, &report, sizeof(report)) != sizeof(report))
        _exit(126);
    _exit(127);
}

__attribute__((noreturn)) static void become(const struct child_plan *plan, int failure)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(plan->output, STDOUT_FILENO) < 0 ||
        dup2(plan->output, STDERR_FILENO) < 0)
        give_up(failure, CHILD_STAGE_EXECUTE);
    if (plan->cwd[0] && chdir(plan->cwd) != 0)
        give_up(failure, CHILD_STAGE_CWD);
    (void)execvpe(plan->program, plan->argv, plan->environment);
    give_up(failure, CHILD_STAGE_EXECUTE);
}

__attribute__((noreturn)) static void run_child(const struct child_plan *plan, pid_t parent, int go,
                                                int failure)
{
    char byte = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    (void)setsid();
    child_reset_signals();
    if (read(go, &byte, 1) != 1)
        _exit(126);
    raise_oom_score();
    (void)umask(077);
    become(plan, failure);
}

bool child_fork(const struct child_plan *plan, struct child *ret_child, struct error *error)
{
    scoped(pipe_release) struct pipe_pair go = {-1, -1};
    scoped(pipe_release) struct pipe_pair failure = {-1, -1};
    pid_t parent = getpid();
    pid_t pid = -1;
    struct process process = {0};
    int pidfd = -1;

    if (!pipe_open(&go, error) || !pipe_open(&failure, error))
        return false;
    pid = fork();
    if (pid < 0)
        return error_set_errno(error, errno, "starting a process");
    if (pid == 0) {
        descriptor_close(&go.write_end); /* else it would never see its parent give up */
        run_child(plan, parent, go.read_end, failure.write_end);
    }
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return error_set_errno(error, errno, "watching process %d", (int)pid);
    (void)process_look(pid, &process);
    *ret_child = (struct child){pid, process.start, pidfd, go.write_end, failure.read_end};
    go.write_end = -1;
    failure.read_end = -1;
    return true;
}

void child_go(struct child *child)
{
    ssize_t n = write(child->go, "g", 1);

    /* a child that is gone already is seen when it is waited for */
    (void)n;
    descriptor_close(&child->go);
}

void child_signal_group(const struct child *child, int signal)
{
    if (pidfd_send_signal(child->pidfd, signal, NULL, PIDFD_SIGNAL_PROCESS_GROUP) == 0)
        return;
    /* An older kernel. The group's id is the leader's, and cannot be given away before it was
     * waited for. */
    if (errno == EINVAL && kill(-child->pid, signal) == 0)
        return;
    /* It did not come as far as leading a group. */
    (void)process_signal(child->pidfd, signal, 0);
}

enum child_stage child_stage(const struct child *child, int *ret_errno)
{
    struct failure report;

    if (read(child->failure, &report, sizeof(report)) != sizeof(report))
        return CHILD_STAGE_RAN;
    *ret_errno = report.os_errno;
    return (enum child_stage)report.stage;
}
