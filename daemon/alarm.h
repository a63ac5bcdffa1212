/*
 * One timer for what becomes possible by time alone. Unlike the loop's own it runs on while the
 * machine is suspended: what came due meanwhile is looked at as soon as the machine is awake, and
 * not as much later as it slept.
 */
#ifndef NIGHTJAR_DAEMON_ALARM_H
#define NIGHTJAR_DAEMON_ALARM_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct alarm {
    uv_poll_t poll;
    int fd; /* owned: timerfd; kept until the handle has closed */
    void (*ring)(void *context);
    void *context;
};

/* `ring` is called from the loop, once for each time that the alarm was set to. */
bool alarm_open(struct alarm *ret_alarm, uv_loop_t *loop, void (*ring)(void *context),
                void *context, struct error *error);
/* Sets it to so many milliseconds from now, unless it is set to an earlier time. */
void alarm_within(struct alarm *alarm, int64_t delay_ms);
/* One that was never opened (all-zero) is fine. Its memory is used until the loop has run. */
void alarm_close(struct alarm *alarm);

#endif
