/* Writes to a group's files are one write(2) each: the kernel takes a value whole or not at all. */
#include "common/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"

#define NAME_PREFIX "nightjar-"
#define TEXT_LIMIT 1048576

static bool file_of(const char *path, const char *name, char ret_file[CGROUP_PATH_SIZE])
{
    int n = snprintf(ret_file, CGROUP_PATH_SIZE, "%s/%s", path, name);

    return n > 0 && n < CGROUP_PATH_SIZE;
}

static char *read_text(const char *path, const char *name)
{
    char file[CGROUP_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    struct error error;

    if (!file_of(path, name, file) || !file_read(AT_FDCWD, file, TEXT_LIMIT, &text, &size, &error))
        return NULL;
    return text;
}

/* False: errno says why. */
static bool write_text(const char *path, const char *name, const char *text)
{
    char file[CGROUP_PATH_SIZE];

    if (!file_of(path, name, file)) {
        errno = ENAMETOOLONG;
        return false;
    }
    scoped(descriptor_close) int fd = open(file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = text; at && (at = strstr(at, word)); at += length)
        if ((at == text || at[-1] == ' ') && (!at[length] || strchr(" \n", at[length])))
            return true;
    return false;
}

static bool hands_on_memory(const char *path, const char *file)
{
    scoped(memory_free) char *controllers = read_text(path, file);

    return has_word(controllers, "memory");
}

/* ---- where ---- */

bool cgroup_self(char *ret_path, size_t size)
{
    scoped(memory_free) char *text = read_text("/proc/self", "cgroup");
    const char *line = text;

    while (line && strncmp(line, "0::/", 4) != 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return false;
    line += strlen("0::");
    size_t length = strcspn(line, "\n");
    if (length >= size)
        return false;
    memcpy(ret_path, line, length);
    ret_path[length] = '\0';
    return true;
}

/* Where the tree is mounted from its root on: fields 4 and 5 of a line, the type behind " - ". */
static bool find_tree(char ret_path[CGROUP_PATH_SIZE])
{
    scoped(memory_free) char *text = read_text("/proc/self", "mountinfo");
    char *rest = NULL;

    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        char mounted[CGROUP_PATH_SIZE];

        if (!strstr(line, " - cgroup2 ") || sscanf(line, "%*s %*s %*s / %4095s", mounted) != 1 ||
            strchr(mounted, '\\'))
            continue;
        memcpy(ret_path, mounted, sizeof(mounted));
        return true;
    }
    return false;
}

/* Who moves a process must be allowed to write to where both groups meet. */
static bool is_handed_to_us(const char *path)
{
    char file[CGROUP_PATH_SIZE];

    return file_of(path, "cgroup.procs", file) && access(path, W_OK | X_OK) == 0 &&
           access(file, W_OK) == 0 && hands_on_memory(path, "cgroup.subtree_control");
}

static void find_above(char ret_place[CGROUP_PATH_SIZE])
{
    char tree[CGROUP_PATH_SIZE], self[CGROUP_PATH_SIZE];

    if (!find_tree(tree) || !cgroup_self(self, sizeof(self)))
        return;
    for (;;) {
        char *slash = strrchr(self, '/');
        char path[CGROUP_PATH_SIZE];
        int n = snprintf(path, sizeof(path), "%s%s", tree, strcmp(self, "/") ? self : "");

        if (n < (int)sizeof(path) && is_handed_to_us(path)) {
            memcpy(ret_place, path, sizeof(path));
            return;
        }
        if (!slash || !self[0] || !strcmp(self, "/"))
            return;
        *(slash == self ? slash + 1 : slash) = '\0';
    }
}

void cgroup_find_place(const char *wanted, char ret_place[CGROUP_PATH_SIZE])
{
    ret_place[0] = '\0';
    if (!wanted || !wanted[0]) {
        find_above(ret_place);
        return;
    }
    if (!strcmp(wanted, CGROUP_NONE) || strlen(wanted) >= CGROUP_PATH_SIZE ||
        access(wanted, W_OK | X_OK) != 0)
        return;
    memcpy(ret_place, wanted, strlen(wanted) + 1);
    if (!hands_on_memory(wanted, "cgroup.subtree_control") &&
        hands_on_memory(wanted, "cgroup.controllers"))
        (void)write_text(wanted, "cgroup.subtree_control", "+memory");
}

bool cgroup_path(const char *place, const char *marker, char ret_path[CGROUP_PATH_SIZE])
{
    int n = snprintf(ret_path, CGROUP_PATH_SIZE, "%s/" NAME_PREFIX, place);

    if (n < 0 || (size_t)n + strlen(marker) >= CGROUP_PATH_SIZE)
        return false;
    for (char *at = ret_path + n; (*at = *marker); at++, marker++)
        if (*at == '/')
            *at = '-';
    return true;
}

bool cgroup_belongs(const char *path, const char *marker)
{
    char name[CGROUP_PATH_SIZE];
    const char *slash = strrchr(path, '/');

    return slash && path[0] == '/' && cgroup_path("", marker, name) && !strcmp(slash, name);
}

/* ---- beginning ---- */

bool cgroup_make(const char *path, struct error *error)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "%s", path);
    return true;
}

bool cgroup_limit_memory(const char *path, int64_t limit_bytes, struct error *error)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, limit_bytes);
    if (!write_text(path, "memory.max", text))
        return error_set_errno(error, errno, "%s/memory.max", path);
    /* without swap accounting there is no such file, and before Linux 4.19 not the other */
    (void)write_text(path, "memory.swap.max", "0");
    (void)write_text(path, "memory.oom.group", "1");
    return true;
}

bool cgroup_enter(const char *path, pid_t pid, struct error *error)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    if (!write_text(path, "cgroup.procs", text))
        return error_set_errno(error, errno, "%s/cgroup.procs", path);
    return true;
}

/* ---- figures ---- */

int64_t cgroup_memory_kills(const char *path)
{
    static const char name[] = "\noom_kill ";
    scoped(memory_free) char *text = read_text(path, "memory.events");
    const char *line = text ? strstr(text, name) : NULL;

    return line ? (int64_t)strtoll(line + sizeof(name) - 1, NULL, 10) : 0;
}

int64_t cgroup_memory_peak(const char *path)
{
    scoped(memory_free) char *text = read_text(path, "memory.peak");

    return text ? (int64_t)strtoll(text, NULL, 10) : -1;
}

/* ---- end ---- */

/* Calls `look` with every group in this one. */
static void each_inner(const char *path, void (*look)(const char *inner, void *context),
                       void *context)
{
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;

    while (folder && (entry = readdir(folder))) {
        char inner[CGROUP_PATH_SIZE];

        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0 && file_of(path, entry->d_name, inner))
            look(inner, context);
    }
    if (folder)
        (void)closedir(folder);
}

static void count_members(const char *path, void *context)
{
    size_t *n = context;
    scoped(memory_free) char *members = read_text(path, "cgroup.procs");

    for (const char *at = members; at && (at = strchr(at, '\n')); at++)
        (*n)++;
    each_inner(path, count_members, n);
}

size_t cgroup_kill(const char *path)
{
    size_t n = 0;

    /* Who starts processes faster than they are listed is outrun by the kernel only. */
    if (write_text(path, "cgroup.kill", "1"))
        count_members(path, &n);
    return n;
}

static void remove_inner(const char *path, void *context)
{
    each_inner(path, remove_inner, context);
    (void)rmdir(path);
}

bool cgroup_remove(const char *path)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return true;
    remove_inner(path, NULL);
    return access(path, F_OK) != 0;
}
