/*
 * Three clocks, and a test that owns all of them: code that decides by time takes a struct clock.
 */
#ifndef NIGHTJAR_COMMON_CLOCK_H
#define NIGHTJAR_COMMON_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *context); /* since 1970, UTC; jumps when somebody sets it */
    int64_t (*monotonic_ms)(
        void *context);                /* never jumps, stands still in suspend: limits and waits */
    int64_t (*boot_ms)(void *context); /* never jumps, runs on in suspend */
    void *context;
};

extern const struct clock clock_system;

/* For tests: all three stand at what the struct says. */
struct clock_manual {
    int64_t wall_ms, monotonic_ms, boot_ms;
};
struct clock clock_manual_of(struct clock_manual *manual); /* borrowed */

#define CLOCK_BOOT_ID_SIZE 37

/* The kernel's id of this boot ("" where unreadable); a process id means something only together
 * with it. `buffer` holds at least CLOCK_BOOT_ID_SIZE bytes. */
const char *clock_boot_id(char *buffer);

/* Local "2026-11-22 23:04:05"; buffer of at least 20 bytes, returned. */
const char *clock_format_local(int64_t wall_ms, char *buffer);
/* "42s", "3m 20s", "2h 05m", "3d 4h"; buffer of at least 24 bytes, returned. */
const char *clock_format_duration(int64_t duration_ms, char *buffer);

#endif
