/*
 * The clocks of a process, set by a test: LD_PRELOAD this, and $NIGHTJAR_TEST_CLOCK names a file of
 * two numbers of eight bytes: seconds to be added to the wall clock, and to the one that runs on in
 * suspend. The one that stands still in suspend is left alone.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void find_offset(void)
{
    const char *path = getenv("NIGHTJAR_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *place =
        fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    if (place != MAP_FAILED)
        offset = place;
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
    int result = (int)syscall(SYS_clock_gettime, id, ret_now);

    if (result == 0 && offset && id == CLOCK_REALTIME)
        ret_now->tv_sec += offset[0];
    if (result == 0 && offset && id == CLOCK_BOOTTIME)
        ret_now->tv_sec += offset[1];
    return result;
}

time_t time(time_t *ret_now)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
    struct timespec now = {0};

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
