/*
 * A watch on the memory of a whole run: the proportional set sizes of all its processes, so that
 * what they share counts once.
 *
 * It looks as often as the run may come to its limit: seldom far below it, every few milliseconds
 * where it grows fast, and never so often that looking takes more than a twentieth of a processor.
 * What is taken within one look's distance may exceed the limit for that long. What a process asks
 * for at once and no arena, stack or buffer explains, the kernel refuses it (RLIMIT_DATA).
 */
#ifndef NIGHTJAR_WORKER_MEMORY_WATCH_H
#define NIGHTJAR_WORKER_MEMORY_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MEMORY_WATCH_SHORTEST_MS 5
#define MEMORY_WATCH_LONGEST_MS 1000

/* All-zero watches nothing. */
struct memory_watch {
    int64_t limit_bytes; /* 0: none */
    int64_t used_bytes, peak_bytes;
    int64_t looked_ms, next_ms; /* monotonic */
};

struct memory_watch memory_watch_of(int64_t limit_bytes, int64_t now_ms);
/* Holds a process, and what it will start, to memory_backstop_bytes(limit_bytes) of private
 * writable memory, each for itself, unless it is held to less already. */
void memory_backstop(pid_t pid, int64_t limit_bytes);
/* 0: none. What is reserved and never used counts, so it is far beyond the limit. */
int64_t memory_backstop_bytes(int64_t limit_bytes);
/* Measures all that descends from this process. True: it is over the limit. */
bool memory_watch_look(struct memory_watch *watch);
/* Takes a measurement in that took `cost_ms`; for memory_watch_look and its test. */
bool memory_watch_note(struct memory_watch *watch, int64_t used_bytes, int64_t now_ms,
                       int64_t cost_ms);

#endif
