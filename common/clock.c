/* Clocks of the system, and one that stands where a test puts it. */
#include "common/clock.h"

#include "common/owner.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCAL_SIZE 20
#define DURATION_SIZE 24

static int64_t now_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *context)
{
    (void)context;
    return now_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(void *context)
{
    (void)context;
    return now_ms(CLOCK_MONOTONIC);
}

static int64_t system_boot_ms(void *context)
{
    (void)context;
    return now_ms(CLOCK_BOOTTIME);
}

const struct clock clock_system = {system_wall_ms, system_monotonic_ms, system_boot_ms, NULL};

static int64_t manual_wall_ms(void *context)
{
    return ((const struct clock_manual *)context)->wall_ms;
}

static int64_t manual_monotonic_ms(void *context)
{
    return ((const struct clock_manual *)context)->monotonic_ms;
}

static int64_t manual_boot_ms(void *context)
{
    return ((const struct clock_manual *)context)->boot_ms;
}

struct clock clock_manual_of(struct clock_manual *manual)
{
    return (struct clock){manual_wall_ms, manual_monotonic_ms, manual_boot_ms, manual};
}

const char *clock_boot_id(char *buffer)
{
    scoped(descriptor_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, buffer, CLOCK_BOOT_ID_SIZE - 1);

    buffer[size == CLOCK_BOOT_ID_SIZE - 1 ? size : 0] = '\0';
    return buffer;
}

const char *clock_format_local(int64_t wall_ms, char *buffer)
{
    /* rounded down before 1970 too */
    time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
    struct tm local;

    if (!localtime_r(&seconds, &local) ||
        strftime(buffer, LOCAL_SIZE, "%Y-%m-%d %H:%M:%S", &local) == 0)
        buffer[0] = '\0';
    return buffer;
}

const char *clock_format_duration(int64_t duration_ms, char *buffer)
{
    int64_t seconds = duration_ms < 0 ? 0 : duration_ms / 1000;
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (days > 0)
        snprintf(buffer, DURATION_SIZE, "%" PRId64 "d %" PRId64 "h", days, hours % 24);
    else if (hours > 0)
        snprintf(buffer, DURATION_SIZE, "%" PRId64 "h %02" PRId64 "m", hours, minutes % 60);
    else if (minutes > 0)
        snprintf(buffer, DURATION_SIZE, "%" PRId64 "m %02" PRId64 "s", minutes, seconds % 60);
    else
        snprintf(buffer, DURATION_SIZE, "%" PRId64 "s", seconds);
    return buffer;
}
