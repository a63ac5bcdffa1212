/* /proc/vmstat has a line "oom_kill N", which counts kills for a cgroup's limit too. */
#include "worker/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/owner.h"

#define VMSTAT_SIZE 16384

int64_t memory_kills(void)
{
    static const char name[] = "\noom_kill ";
    char text[VMSTAT_SIZE];
    scoped(descriptor_close) int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    const char *line = NULL;
    size_t size = 0;
    ssize_t n = 0;

    while (fd >= 0 && (n = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
        size += (size_t)n;
    text[size] = '\0';
    line = strstr(text, name);
    return line ? strtoll(line + sizeof(name) - 1, NULL, 10) : -1;
}
