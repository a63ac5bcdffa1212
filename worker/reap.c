/* Children end in any order; each is waited for by wait4, whose numbers are the run's. */
#include "worker/reap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/owner.h"

void reaper_release(struct reaper *reaper)
{
    processes_release(&reaper->straggler);
}

bool reaper_start(struct error *error)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};

    /* an ignored SIGCHLD is inherited, and would have the kernel throw every exit status away */
    if (sigaction(SIGCHLD, &standard, NULL) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return error_set_errno(error, errno, "becoming a subreaper");
    return true;
}

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

void reaper_collect(struct reaper *reaper)
{
    struct rusage usage;
    int status = 0;
    pid_t pid = 0;

    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        int64_t peak = (int64_t)usage.ru_maxrss * 1024;

        reaper->cpu_us += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        if (peak > reaper->peak_rss_bytes)
            reaper->peak_rss_bytes = peak;
        if (pid == reaper->child) {
            reaper->child_ended = true;
            reaper->child_status = status;
        }
    }
    reaper->none_left = pid < 0 && errno == ECHILD;
}

static bool is_known(const struct processes *processes, const struct process *process)
{
    for (size_t i = 0; i < processes->n; i++)
        if (processes->item[i].pid == process->pid && processes->item[i].start == process->start)
            return true;
    return false;
}

static void remember(struct processes *known, const struct processes *found)
{
    for (size_t i = 0; i < found->n; i++) {
        struct process *item = NULL;

        if (found->item[i].state == 'Z' || is_known(known, &found->item[i]))
            continue;
        item = reallocarray(known->item, known->n + 1, sizeof(*item));
        if (!item)
            return;
        known->item = item;
        known->item[known->n++] = found->item[i];
    }
}

void reaper_signal_all(struct reaper *reaper, int signal, bool count)
{
    scoped(processes_release) struct processes found = {0};
    struct error error;

    if (!processes_list(&found, &error))
        return;
    processes_keep_descendants(&found, getpid());
    if (count)
        remember(&reaper->straggler, &found);
    (void)processes_signal(&found, signal);
}

bool reaper_stop_all(void)
{
    scoped(processes_release) struct processes found = {0};
    struct error error;
    size_t awake = 0;
    size_t moving = 0;

    if (!processes_list(&found, &error))
        return false;
    processes_keep_descendants(&found, getpid());
    for (size_t i = 0; i < found.n; i++) {
        if (strchr("TtZX", found.item[i].state))
            continue;
        /* A parent in vfork waits in the kernel for a child that is stopped already, and has the
         * signal pending: it looks like D, never like T, and runs nothing of its own. */
        if (found.item[i].state != 'D')
            moving++;
        found.item[awake++] = found.item[i];
    }
    found.n = awake;
    (void)processes_signal(&found, SIGSTOP);
    return moving == 0;
}
