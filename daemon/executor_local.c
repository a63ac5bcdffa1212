/*
 * The executor of this machine: posix_spawn, pidfds.
 *
 * The only file of the daemon that starts processes; only the supervisor calls it.
 */
#include "daemon/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/process.h"

#define WORKER_LOCK_FD 3
#define WORKER_ENGINE_FD 4

void executor_worker_release(struct executor_worker *worker)
{
    descriptor_close(&worker->pidfd);
    worker->pid = 0;
}

void executor_close(struct executor *executor)
{
    if (executor->kind) {
        descriptor_close(&executor->worker_fd);
        descriptor_close(&executor->engine_fd);
    }
    executor->kind = NULL;
}

/* ---- starting
 * ------------------------------------------------------------------------------- */

/* What every process of ours starts with: a session of its own, no signal blocked or ignored. */
static int prepare_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    int code = posix_spawnattr_setsigmask(attributes, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(attributes, &all);
    if (code == 0)
        code = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
    return code;
}

/* The daemon's own limit of descriptors is raised; a child gets the one that we were given. */
static int spawn_with_limit(const struct executor *executor, pid_t *ret_pid, const char *path,
                            const posix_spawn_file_actions_t *actions,
                            const posix_spawnattr_t *attributes, char *const *arguments,
                            char *const *environment)
{
    struct rlimit ours, theirs;
    bool lowered = false;

    if (getrlimit(RLIMIT_NOFILE, &ours) == 0 && executor->files < ours.rlim_cur) {
        theirs = (struct rlimit){.rlim_cur = executor->files, .rlim_max = ours.rlim_max};
        lowered = setrlimit(RLIMIT_NOFILE, &theirs) == 0;
    }
    int code = posix_spawn(ret_pid, path, actions, attributes, arguments, environment);
    if (lowered)
        setrlimit(RLIMIT_NOFILE, &ours);
    return code;
}

/* A child has the processors of the thread that starts it, from its first moment on. */
static int spawn_on(const cpu_set_t *cpus, const struct executor *executor, pid_t *ret_pid,
                    const char *path, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const *arguments,
                    char *const *environment)
{
    cpu_set_t ours;
    bool narrowed = cpus && sched_getaffinity(0, sizeof(ours), &ours) == 0 &&
                    sched_setaffinity(0, sizeof(*cpus), cpus) == 0;

    int code =
        spawn_with_limit(executor, ret_pid, path, actions, attributes, arguments, environment);
    if (narrowed)
        sched_setaffinity(0, sizeof(ours), &ours);
    return code;
}

static int spawn_prepared(const struct executor *executor, const cpu_set_t *cpus, pid_t *ret_pid,
                          const char *path, const posix_spawn_file_actions_t *actions,
                          char *const *arguments, char *const *environment)
{
    posix_spawnattr_t attributes;

    int code = posix_spawnattr_init(&attributes);
    if (code != 0)
        return code;
    code = prepare_attributes(&attributes);
    if (code == 0)
        code =
            spawn_on(cpus, executor, ret_pid, path, actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    return code;
}

static bool watch_child(pid_t pid, struct executor_worker *ret_worker, struct error *error)
{
    int pidfd = pidfd_open(pid, 0);

    if (pidfd < 0) {
        int os_errno = errno;
        kill(pid, SIGKILL); /* our child, not reaped: the number is still its own */
        waitpid(pid, NULL, 0);
        return error_set_errno(error, os_errno, "watching process %d", (int)pid);
    }
    *ret_worker = (struct executor_worker){.pid = pid, .pidfd = pidfd, .child = true};
    return true;
}

static bool local_start(const struct executor *executor, const struct executor_start *start,
                        struct executor_worker *ret_worker, struct error *error)
{
    char binary[64], folder[4096], lock[16], engine[16];
    char program[] = "nightjar-worker", verb[] = "run";
    char lock_option[] = "--lock-fd", engine_option[] = "--engine-fd";
    char *arguments[] = {program, verb, folder, lock_option, lock, engine_option, engine, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    snprintf(binary, sizeof(binary), "/proc/self/fd/%d", executor->worker_fd);
    snprintf(lock, sizeof(lock), "%d", WORKER_LOCK_FD);
    snprintf(engine, sizeof(engine), "%d", WORKER_ENGINE_FD);
    if ((size_t)snprintf(folder, sizeof(folder), "%s", start->folder) >= sizeof(folder))
        return error_set_at(error, ERROR_INVALID, start->folder, "the path is too long");
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0)
        return error_set_errno(error, code, "starting a worker");
    code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, start->lock_fd, WORKER_LOCK_FD);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, executor->engine_fd, WORKER_ENGINE_FD);
    if (code == 0)
        code = spawn_prepared(executor, start->cpus, &pid, binary, &actions, arguments,
                              start->environment);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return error_set_errno(error, code, "starting nightjar-worker");
    return watch_child(pid, ret_worker, error);
}

bool executor_local_shell(const struct executor *executor, const char *command,
                          char *const *environment, const char *cwd, const char *output,
                          struct executor_worker *ret_worker, struct error *error)
{
    scoped(memory_free) char *text = strdup(command);
    char program[] = "sh", option[] = "-c";
    char *arguments[] = {program, option, text, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    int code = text ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (code != 0)
        return error_set_errno(error, code, "starting a command");
    code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output,
                                                O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    if (code == 0)
        code = posix_spawn_file_actions_addchdir_np(&actions, cwd);
    if (code == 0)
        code = spawn_prepared(executor, NULL, &pid, "/bin/sh", &actions, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return error_set_errno(error, code, "starting: %s", command);
    return watch_child(pid, ret_worker, error);
}

/* ---- looking after
 * -------------------------------------------------------------------------- */

static bool local_adopt(const struct executor *executor, const struct executor_identity *identity,
                        struct executor_worker *ret_worker, struct error *error)
{
    char boot[CLOCK_BOOT_ID_SIZE];

    (void)executor;
    if (identity->pid <= 0 || strcmp(clock_boot_id(boot), identity->boot) != 0)
        return error_set(error, ERROR_NOT_FOUND, "the worker ran before the last boot");
    struct process process = {.pid = identity->pid, .start = identity->start};
    int pidfd = process_open(&process);
    if (pidfd < 0)
        return error_set(error, ERROR_NOT_FOUND, "worker %d is gone", (int)identity->pid);
    *ret_worker = (struct executor_worker){.pid = identity->pid, .pidfd = pidfd};
    return true;
}

static bool local_stop(const struct executor_worker *worker, enum process_stop why,
                       struct error *error)
{
    if (!process_signal(worker->pidfd, SIGTERM, (int)why))
        return error_set_errno(error, errno, "signalling worker %d", (int)worker->pid);
    return true;
}

static bool local_pause(const struct executor_worker *worker, enum process_pause pause,
                        struct error *error)
{
    if (!process_signal(worker->pidfd, PROCESS_SIGNAL_PAUSE, (int)pause))
        return error_set_errno(error, errno, "signalling worker %d", (int)worker->pid);
    return true;
}

static bool local_gone(const struct executor_worker *worker)
{
    struct pollfd poll_fd = {.fd = worker->pidfd, .events = POLLIN};

    if (poll(&poll_fd, 1, 0) <= 0)
        return false;
    if (worker->child) {
        siginfo_t info = {0};
        waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED | WNOHANG);
    }
    return true;
}

/* A path from a journal is believed only where it has the name that the run's group would have. */
static size_t end_group(const struct executor *executor, const char *marker, const char *group)
{
    char ours[CGROUP_PATH_SIZE];

    if (!group[0] && executor->groups[0] && cgroup_path(executor->groups, marker, ours))
        group = ours;
    if (!cgroup_belongs(group, marker))
        return 0;
    size_t n = cgroup_kill(group);
    if (n == 0 && !cgroup_remove(group))
        log_debug("%s: not empty yet", group);
    return n;
}

static bool local_end_survivors(const struct executor *executor, const char *marker,
                                const char *group, size_t *ret_n, struct error *error)
{
    scoped(processes_release) struct processes processes = {0};
    size_t n = end_group(executor, marker, group);

    if (!processes_list(&processes, error))
        return false;
    processes_keep_marked(&processes, marker);
    size_t marked = processes_signal(&processes, SIGKILL);
    *ret_n = marked > n ? marked : n; /* many are both */
    return true;
}

static void local_tidy(const struct executor *executor, const char *marker)
{
    (void)end_group(executor, marker, "");
}

/* ---- the executor
 * --------------------------------------------------------------------------- */

static const struct executor_kind executor_local = {
    .name = "local",
    .start = local_start,
    .adopt = local_adopt,
    .stop = local_stop,
    .pause = local_pause,
    .gone = local_gone,
    .end_survivors = local_end_survivors,
    .tidy = local_tidy,
};

/* Out of the way of the numbers that a child's descriptors get before it becomes the worker. */
static bool open_binary(const char *folder, const char *name, int *ret_fd, struct error *error)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    scoped(descriptor_close) int opened = open(path, O_PATH | O_CLOEXEC);
    if (opened < 0)
        return error_set_errno(error, errno, "%s", path);
    int fd = fcntl(opened, F_DUPFD_CLOEXEC, WORKER_ENGINE_FD + 1);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    *ret_fd = fd;
    return true;
}

bool executor_local_open(const char *folder, struct executor *ret_executor, struct error *error)
{
    scoped(descriptor_close) int worker = -1, engine = -1;
    struct rlimit limit = {.rlim_cur = 1024};

    if (!open_binary(folder, "nightjar-worker", &worker, error) ||
        !open_binary(folder, "nightjar-engine", &engine, error))
        return false;
    getrlimit(RLIMIT_NOFILE, &limit);
    *ret_executor = (struct executor){.kind = &executor_local,
                                      .worker_fd = worker,
                                      .engine_fd = engine,
                                      .files = (unsigned long)limit.rlim_cur};
    worker = engine = -1;
    cgroup_find_place(getenv("NIGHTJAR_CGROUP"), ret_executor->groups);
    if (ret_executor->groups[0])
        log_info("runs get control groups in %s", ret_executor->groups);
    return true;
}
