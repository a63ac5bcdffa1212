/*
 * Reads /proc. A stat line is "PID (NAME) STATE PPID ...": the name may hold spaces and brackets,
 * so fields are counted from the last ')'.
 */
#include "common/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/hash.h"
#include "common/owner.h"

#define STAT_FIELD_STATE 3
#define STAT_FIELD_PARENT 4
#define STAT_FIELD_START 22
#define ENVIRON_LIMIT 4194304
#define WORKER_NAME "nightjar-worker"

static int open_of(pid_t pid, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool read_text(pid_t pid, const char *name, char *text, size_t size)
{
    scoped(descriptor_close) int fd = open_of(pid, name);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

static bool parse_stat(char *text, struct process *process)
{
    char *at = strrchr(text, ')');
    char *rest = NULL;
    int field = STAT_FIELD_STATE;

    if (!at)
        return false;
    for (char *word = strtok_r(at + 1, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (field == STAT_FIELD_STATE)
            process->state = *word;
        else if (field == STAT_FIELD_PARENT)
            process->parent = (pid_t)strtol(word, NULL, 10);
        else if (field == STAT_FIELD_START) {
            process->start = (int64_t)strtoll(word, NULL, 10);
            return true;
        }
        field++;
    }
    return false;
}

bool process_look(pid_t pid, struct process *ret_process)
{
    char text[1024];
    struct process process = {.pid = pid};

    if (!read_text(pid, "stat", text, sizeof(text)) || !parse_stat(text, &process))
        return false;
    *ret_process = process;
    return true;
}

int64_t process_memory(pid_t pid)
{
    static const char name[] = "\nPss:";
    char text[4096];
    const char *line = NULL;

    if (read_text(pid, "smaps_rollup", text, sizeof(text)))
        line = strstr(text, name);
    if (line)
        return (int64_t)strtoll(line + sizeof(name) - 1, NULL, 10) * 1024;
    if (!read_text(pid, "statm", text, sizeof(text)))
        return 0;
    line = strchr(text, ' '); /* the second field: resident pages */
    return line ? (int64_t)strtoll(line, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

int process_open(const struct process *process)
{
    struct process now;
    int fd = pidfd_open(process->pid, 0);

    if (fd >= 0 && (!process_look(process->pid, &now) || now.start != process->start))
        descriptor_close(&fd);
    return fd;
}

bool process_signal(int pidfd, int signal, int value)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};

    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    return pidfd_send_signal(pidfd, signal, &info, 0) == 0;
}

void processes_release(struct processes *processes)
{
    free(processes->item);
    *processes = (struct processes){0};
}

static bool append(struct processes *processes, const struct process *process, size_t *capacity)
{
    if (processes->n == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 256;
        struct process *item = reallocarray(processes->item, larger, sizeof(*item));

        if (!item)
            return false;
        processes->item = item;
        *capacity = larger;
    }
    processes->item[processes->n++] = *process;
    return true;
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder);
    *folder = NULL;
}

bool processes_list(struct processes *ret_processes, struct error *error)
{
    scoped(processes_release) struct processes found = {0};
    scoped(close_folder) DIR *folder = opendir("/proc");
    size_t capacity = 0;
    struct dirent *entry = NULL;

    if (!folder)
        return error_set_errno(error, errno, "/proc");
    while ((entry = readdir(folder))) {
        struct process process;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 0 || !process_look(pid, &process))
            continue;
        if (!append(&found, &process, &capacity))
            return error_set(error, ERROR_NO_MEMORY, "listing processes");
    }
    *ret_processes = found;
    found = (struct processes){0};
    return true;
}

/* Moves what descends from `ancestor` to the front: a process follows as soon as its parent has. */
void processes_keep_descendants(struct processes *processes, pid_t ancestor)
{
    size_t kept = 0;
    size_t before = 0;

    do {
        before = kept;
        for (size_t i = kept; i < processes->n; i++) {
            struct process candidate = processes->item[i];
            bool follows = candidate.parent == ancestor;

            for (size_t k = 0; k < kept && !follows; k++)
                follows = processes->item[k].pid == candidate.parent;
            if (!follows || candidate.pid == ancestor)
                continue;
            processes->item[i] = processes->item[kept];
            processes->item[kept++] = candidate;
        }
    } while (kept > before);
    processes->n = kept;
}

static bool environment_has(int fd, const char *entry)
{
    scoped(memory_free) char *text = malloc(ENVIRON_LIMIT);
    size_t length = strlen(entry);
    size_t size = 0;
    ssize_t n = 0;

    while (text && size < ENVIRON_LIMIT && (n = read(fd, text + size, ENVIRON_LIMIT - size)) > 0)
        size += (size_t)n;
    for (size_t at = 0; at < size; at += strnlen(text + at, size - at) + 1)
        if (size - at > length && !memcmp(text + at, entry, length + 1))
            return true;
    return false;
}

void processes_keep_marked(struct processes *processes, const char *marker)
{
    char entry[PROCESS_MARKER_SIZE + 16];
    size_t kept = 0;

    (void)snprintf(entry, sizeof(entry), "NIGHTJAR_RUN=%s", marker);
    for (size_t i = 0; i < processes->n; i++) {
        scoped(descriptor_close) int fd = open_of(processes->item[i].pid, "environ");

        if (fd >= 0 && processes->item[i].pid != getpid() && environment_has(fd, entry))
            processes->item[kept++] = processes->item[i];
    }
    processes->n = kept;
}

size_t processes_signal(const struct processes *processes, int signal)
{
    size_t n = 0;

    for (size_t i = 0; i < processes->n; i++) {
        scoped(descriptor_close) int pidfd = process_open(&processes->item[i]);

        if (pidfd >= 0 && process_signal(pidfd, signal, 0))
            n++;
    }
    return n;
}

bool process_marker(const char *run_folder, char ret_marker[PROCESS_MARKER_SIZE],
                    struct error *error)
{
    scoped(memory_free) char *path = realpath(run_folder, NULL);
    char *part[3] = {NULL, NULL, NULL}; /* run, experiment, "runs" */

    if (!path)
        return error_set_errno(error, errno, "%s", run_folder);
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(path, '/');

        if (!slash || !slash[1])
            break;
        *slash = '\0';
        part[i] = slash + 1;
    }
    if (!part[1] || strlen(part[0]) > 64 || strlen(part[1]) > 64)
        return error_set_at(error, ERROR_INVALID, run_folder,
                            "a run folder lies in the folder of its experiment");
    (void)snprintf(ret_marker, PROCESS_MARKER_SIZE, "%016" PRIx64 "/%s/%s",
                   hash_bytes(path, strlen(path)), part[1], part[0]);
    return true;
}

/* "nightjar-worker run FOLDER ...", where the folder lies in home/runs/<experiment>. */
static bool is_worker_of(pid_t pid, const struct stat *home)
{
    char name[32];
    char line[PATH_MAX + 256] = {0};
    char above[sizeof(line) + 64];
    struct stat status;

    if (!read_text(pid, "comm", name, sizeof(name)) || strcmp(name, WORKER_NAME "\n") != 0 ||
        !read_text(pid, "cmdline", line, sizeof(line) - 2)) /* three words, even if empty */
        return false;
    const char *verb = line + strlen(line) + 1;
    const char *folder = verb + strlen(verb) + 1;
    if (folder[0] == '/')
        (void)snprintf(above, sizeof(above), "%s/../../..", folder);
    else
        (void)snprintf(above, sizeof(above), "/proc/%d/cwd/%s/../../..", (int)pid, folder);
    return !strcmp(verb, "run") && stat(above, &status) == 0 && status.st_dev == home->st_dev &&
           status.st_ino == home->st_ino;
}

static bool has_worker_above(const char *home, struct process *ret_worker)
{
    struct process process;
    struct stat status;

    if (stat(home, &status) != 0)
        return false;
    for (pid_t pid = getppid(); pid > 1 && process_look(pid, &process); pid = process.parent)
        if (is_worker_of(pid, &status)) {
            *ret_worker = process;
            return true;
        }
    return false;
}

/* A daemon goes by the same two when it ends what a lost run left behind. */
static bool is_marked(const char *home)
{
    const char *run = getenv("NIGHTJAR_RUN");
    char hash[24], name[32], group[CGROUP_PATH_SIZE];
    uint64_t number = hash_bytes(home, strlen(home));

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64 "/", number);
    if (run && !strncmp(run, hash, strlen(hash)))
        return true;
    (void)snprintf(name, sizeof(name), "/nightjar-%016" PRIx64 "-", number);
    return cgroup_self(group, sizeof(group)) && strstr(group, name);
}

enum process_place process_place(const char *home, struct process *ret_worker)
{
    if (has_worker_above(home, ret_worker))
        return PROCESS_IN_RUN;
    return is_marked(home) ? PROCESS_LEFT_BEHIND : PROCESS_OUTSIDE;
}

void process_forget_run(void)
{
    static const char *const names[] = {
        "NIGHTJAR_RUN",       "NIGHTJAR_EXPERIMENT",  "NIGHTJAR_RUN_DIR",    "NIGHTJAR_EVENTS",
        "NIGHTJAR_ARTIFACTS", "NIGHTJAR_CHECKPOINT",  "NIGHTJAR_SEED",       "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",    "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    };

    if (!getenv("NIGHTJAR_RUN"))
        return; /* threads are the user's own choice */
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        (void)unsetenv(names[i]);
}

bool process_have_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}
