#include "client/launch.h"

#include "common/blas_core.h"
#include "common/file.h"
#include "common/owner.h"
#include "common/process.h"
#include "common/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAUNCH_UNIT "nightjard.service"
#define LAUNCH_LOG_LIMIT (1024 * 1024) /* a longer daemon.log begins again */

bool launch_program_path(const char *program, struct buffer *ret_path, struct error *error)
{
    const char *folder = getenv("NIGHTJAR_BIN");
    char self[4096];
    ssize_t size;
    char *slash;

    if (folder && *folder)
        return buffer_append_format(ret_path, error, "%s/%s", folder, program);
    size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (size < 0)
        return error_set_errno(error, errno, "finding %s", program);
    self[size] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    return buffer_append_format(ret_path, error, "%s/%s", self, program);
}

void launch_choose_core(void)
{
    scoped(buffer_release) struct buffer engine = {0}, cache = {0};
    struct blas_core_question question = {.cpuinfo = "/proc/cpuinfo", .environment = environ};
    char core[BLAS_CORE_SIZE];
    struct error error; /* then OpenBLAS chooses */

    if (getenv("OPENBLAS_CORETYPE") || !wire_home(&cache, &error) ||
        !buffer_append_text(&cache, "/cache", &error) ||
        !launch_program_path("nightjar-engine", &engine, &error))
        return;
    question.engine = engine.data;
    question.cache_folder = cache.data;
    blas_core_choose(&question, core);
    if (core[0])
        (void)setenv("OPENBLAS_CORETYPE", core, true);
}

static bool unit_wanted_in(const char *folder)
{
    static const char *const wants[] = {"default.target.wants/" LAUNCH_UNIT,
                                        "sockets.target.wants/nightjard.socket"};

    for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
        char path[4096];
        struct stat status;

        snprintf(path, sizeof(path), "%s/systemd/user/%s", folder, wants[i]);
        if (lstat(path, &status) == 0)
            return true;
    }
    return false;
}

/* The unit serves the default home only. */
static bool unit_is_enabled(void)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char folder[4096];

    if (getenv("NIGHTJAR_HOME") || !getenv("XDG_RUNTIME_DIR"))
        return false;
    if (config && *config)
        snprintf(folder, sizeof(folder), "%s", config);
    else
        snprintf(folder, sizeof(folder), "%s/.config", home ? home : "");
    return unit_wanted_in(folder) || unit_wanted_in("/etc");
}

bool launch_ends_with_session(void)
{
    const char *user = getenv("USER");
    char path[512];

    if (!user || !*user || strchr(user, '/') || !unit_is_enabled())
        return false;
    snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", user);
    return access(path, F_OK) != 0;
}

static bool start_unit(void)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return false;
    if (child == 0) {
        execlp("systemctl", "systemctl", "--user", "--quiet", "start", LAUNCH_UNIT, (char *)NULL);
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What a process of the run starts is the run's and ends with it: the worker stands outside. */
static bool ask_worker(const char *home, const struct process *worker, struct error *error)
{
    scoped(descriptor_close) int process = process_open(worker);

    if (process < 0 || !process_signal(process, PROCESS_SIGNAL_PAUSE, PROCESS_START_DAEMON))
        return error_set(
            error, ERROR_UNREACHABLE,
            "no daemon runs for %s, and this run's worker (process %d) cannot be asked "
            "for one",
            home, (int)worker->pid);
    return true;
}

static bool refuse_left_behind(const char *home, struct error *error)
{
    return error_set(error, ERROR_UNREACHABLE,
                     "no daemon runs for %s, and none is started by what a run has left behind: "
                     "use 'nj daemon start' elsewhere",
                     home);
}

static bool open_log(const char *home, int *ret_fd, struct error *error)
{
    char path[4096];
    struct stat status;
    int fd;

    snprintf(path, sizeof(path), "%s/daemon.log", home);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    if (fstat(fd, &status) == 0 && status.st_size > LAUNCH_LOG_LIMIT && ftruncate(fd, 0) != 0) {
        error_set_errno(error, errno, "%s", path);
        close(fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

__attribute__((noreturn)) static void become_daemon(const char *program, const char *home, int log)
{
    int null = open("/dev/null", O_RDONLY);

    setsid();
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir("/") != 0)
        _exit(126);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    process_forget_run();
    execl(program, "nightjard", "--home", home, (char *)NULL);
    fprintf(stderr, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

bool launch_daemon(const char *home, pid_t *ret_child, struct error *error)
{
    scoped(buffer_release) struct buffer program = {0};
    scoped(descriptor_close) int log = -1;
    struct process worker;
    pid_t child;

    *ret_child = 0;
    if (unit_is_enabled() && start_unit())
        return true;
    switch (process_place(home, &worker)) {
    case PROCESS_IN_RUN:
        return ask_worker(home, &worker, error);
    case PROCESS_LEFT_BEHIND:
        return refuse_left_behind(home, error);
    case PROCESS_OUTSIDE:
        break;
    }
    if (!launch_program_path("nightjard", &program, error) || !file_make_folders(home, error) ||
        !open_log(home, &log, error))
        return false;
    fflush(NULL);
    child = fork();
    if (child < 0)
        return error_set_errno(error, errno, "starting the daemon");
    if (child == 0)
        become_daemon(program.data, home, log);
    *ret_child = child;
    return true;
}

/* The last whole line of <home>/daemon.log; "" where there is none. */
static void last_log_line(const char *home, char *line, size_t size)
{
    char path[4096], tail[2048];
    scoped(descriptor_close) int fd = -1;
    ssize_t got;
    off_t end;
    char *begin;

    line[0] = '\0';
    snprintf(path, sizeof(path), "%s/daemon.log", home);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    end = lseek(fd, 0, SEEK_END);
    got = pread(fd, tail, sizeof(tail) - 1,
                end > (off_t)sizeof(tail) ? end - (off_t)sizeof(tail) + 1 : 0);
    while (got > 0 && tail[got - 1] == '\n')
        got--;
    if (got <= 0)
        return;
    tail[got] = '\0';
    begin = strrchr(tail, '\n');
    snprintf(line, size, "%s", begin ? begin + 1 : tail);
}

bool launch_check(pid_t *child, const char *home, struct error *error)
{
    int status;
    char line[512];
    pid_t ended = *child > 0 ? waitpid(*child, &status, WNOHANG) : 0;

    if (ended <= 0)
        return true;
    *child = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == error_exit_status(ERROR_BUSY))
        return true;
    last_log_line(home, line, sizeof(line));
    return error_set(error, ERROR_UNREACHABLE, "the daemon did not start (%s/daemon.log): %s", home,
                     line);
}
