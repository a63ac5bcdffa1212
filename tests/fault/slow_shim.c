/*
 * A disk that is far away, for a test: LD_PRELOAD this, and each read of a file below the folder
 * $NIGHTJAR_TEST_SLOW takes a quarter of a second, as one of a bucket's over a network does.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool is_far(int fd)
{
    const char *folder = getenv("NIGHTJAR_TEST_SLOW");
    char link[64], path[PATH_MAX];
    ssize_t length;

    if (!folder)
        return false;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path));
    return length > (ssize_t)strlen(folder) && memcmp(path, folder, strlen(folder)) == 0 &&
           path[strlen(folder)] == '/';
}

ssize_t read(int fd, void *to, size_t n)
{
    const struct timespec delay = {.tv_nsec = 250000000};

    if (is_far(fd))
        (void)nanosleep(&delay, NULL);
    return syscall(SYS_read, fd, to, n);
}
