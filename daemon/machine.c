/*
 * Counts processors, memory and graphics processors as the kernel shows them. The memory limit is
 * the least of all control groups above us, because a limit anywhere on the way holds.
 */
#include "daemon/machine.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/error.h"
#include "common/file.h"
#include "common/owner.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define PATH_SIZE 4096

static int64_t count_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : 1;
}

static char *read_text(const char *path, size_t limit)
{
    char *text = NULL;
    size_t size;
    struct error error;

    return file_read(AT_FDCWD, path, limit, &text, &size, &error) ? text : NULL;
}

static int64_t memory_of_machine(void)
{
    scoped(memory_free) char *text = read_text("/proc/meminfo", 64 * 1024);
    const char *line = text ? strstr(text, "MemTotal:") : NULL;

    return line ? (int64_t)strtoll(line + strlen("MemTotal:"), NULL, 10) * 1024 : 0;
}

/* `path`: our group, "/user.slice/..."; looks at it and at every one above it. */
static int64_t memory_limit_of_groups(char *path, int64_t limit)
{
    char file[PATH_SIZE + 64];

    while (path[0]) {
        snprintf(file, sizeof(file), "%s%s/memory.max", CGROUP_ROOT, path);
        scoped(memory_free) char *text = read_text(file, 64);
        if (text && isdigit((unsigned char)text[0])) {
            int64_t bytes = (int64_t)strtoll(text, NULL, 10);
            if (bytes > 0 && bytes < limit)
                limit = bytes;
        }
        char *slash = strrchr(path, '/');
        if (!slash)
            break;
        *slash = 0;
    }
    return limit;
}

static int64_t memory_to_give(void)
{
    int64_t bytes = memory_of_machine();
    char path[PATH_SIZE];

    return cgroup_self(path, sizeof(path)) ? memory_limit_of_groups(path, bytes) : bytes;
}

static int64_t count_gpus(void)
{
    static const char prefix[] = "nvidia";
    DIR *folder = opendir("/dev");
    int64_t n = 0;

    if (!folder)
        return 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        const char *digits = entry->d_name + strlen(prefix);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && digits[0] &&
            strspn(digits, "0123456789") == strlen(digits))
            n++;
    }
    closedir(folder);
    return n;
}

struct machine machine_look(void)
{
    return (struct machine){
        .cpus = count_cpus(),
        .memory_bytes = memory_to_give(),
        .gpus = count_gpus(),
    };
}

int64_t machine_disk_free(const char *path)
{
    struct statvfs system;

    if (statvfs(path, &system) != 0)
        return -1;
    return (int64_t)(system.f_bavail * system.f_frsize);
}

bool machine_path_is_network(const char *path)
{
    struct statfs system;

    return statfs(path, &system) == 0 && system.f_type == NFS_SUPER_MAGIC;
}
