/*
 * Disk that is set aside: <home>/reserve, a file whose blocks are allocated. When a commit finds
 * the disk full the file is given up, so that verdicts of what runs can still be stored; until it
 * could be made again nothing new is taken into the queue.
 */
#ifndef NIGHTJAR_DAEMON_RESERVE_H
#define NIGHTJAR_DAEMON_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#define RESERVE_BYTES (4 * 1024 * 1024)

/* All-zero but home is valid. */
struct reserve {
    const char *home; /* borrowed */
    int64_t bytes;    /* 0: not yet decided; less than RESERVE_BYTES on a small disk */
    bool held;
    bool spent; /* given up and not made again */
};

/* Makes the file where it is missing and there is room for it and as much again; one that is less
 * than half of what there is room for now grows. True: it is there. */
bool reserve_hold(struct reserve *reserve);
/* Gives it up. False: there was none. */
bool reserve_spend(struct reserve *reserve);

#endif
