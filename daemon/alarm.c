#include "daemon/alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/owner.h"

static void on_time(uv_poll_t *poll, int status, int events)
{
    struct alarm *alarm = poll->data;
    uint64_t times;

    (void)status;
    (void)events;
    if (read(alarm->fd, &times, sizeof(times)) == sizeof(times))
        alarm->ring(alarm->context);
}

bool alarm_open(struct alarm *ret_alarm, uv_loop_t *loop, void (*ring)(void *context),
                void *context, struct error *error)
{
    scoped(descriptor_close) int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd < 0)
        return error_set_errno(error, errno, "a timer");
    int code = uv_poll_init(loop, &ret_alarm->poll, fd);
    if (code != 0)
        return error_set(error, ERROR_INTERNAL, "a timer: %s", uv_strerror(code));
    ret_alarm->fd = fd;
    ret_alarm->ring = ring;
    ret_alarm->context = context;
    ret_alarm->poll.data = ret_alarm;
    uv_poll_start(&ret_alarm->poll, UV_READABLE, on_time);
    fd = -1;
    return true;
}

/* -1: not set. */
static int64_t left_ms(const struct alarm *alarm)
{
    struct itimerspec set;

    if (timerfd_gettime(alarm->fd, &set) != 0 || (!set.it_value.tv_sec && !set.it_value.tv_nsec))
        return -1;
    return (int64_t)set.it_value.tv_sec * 1000 + set.it_value.tv_nsec / 1000000;
}

void alarm_within(struct alarm *alarm, int64_t delay_ms)
{
    struct itimerspec set = {.it_value = {.tv_sec = (time_t)(delay_ms / 1000),
                                          .tv_nsec = (long)(delay_ms % 1000) * 1000000}};
    int64_t left = left_ms(alarm);

    if (left >= 0 && left <= delay_ms)
        return;
    if (delay_ms <= 0)
        set.it_value = (struct timespec){.tv_nsec = 1}; /* 0 would set it off duty */
    (void)timerfd_settime(alarm->fd, 0, &set, NULL);
}

static void on_closed(uv_handle_t *handle)
{
    struct alarm *alarm = handle->data;

    descriptor_close(&alarm->fd);
}

void alarm_close(struct alarm *alarm)
{
    if (alarm->ring)
        uv_close((uv_handle_t *)&alarm->poll, on_closed);
}
