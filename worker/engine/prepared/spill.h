/*
 * Records too many for memory: written as they come to a file without a name, in partitions, each
 * of which is read back at once. A partition holds whole recordings.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_SPILL_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_SPILL_H

#include "common/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct spill_extent { /* records that came together */
    int64_t first_row, n, offset;
};
struct spill_partition {
    struct spill_extent *extent; /* owned */
    int64_t n_extents, capacity;
    int64_t n_records;
};
struct spill { /* all-zero, but for fd -1, is a valid empty one */
    int fd;    /* owned; -1: none */
    int64_t record_size, end;
    struct spill_partition *partition; /* owned */
    int64_t n_partitions;
    pthread_mutex_t lock;
};

/* In `folder`, or where it is NULL in memory. */
bool spill_open(struct spill *spill, const char *folder, int64_t n_partitions, int64_t record_size,
                struct error *error);
void spill_release(struct spill *spill);
/* Several threads may. */
bool spill_add(struct spill *spill, int64_t partition, int64_t first_row, const char *records,
               int64_t n, struct error *error);
/* The partition's records in the order of the file; room for all of them at `records`. */
bool spill_read(struct spill *spill, int64_t partition, char *records, struct error *error);
bool spill_read_extent(const struct spill *spill, const struct spill_extent *extent, char *records,
                       struct error *error);

/* pread and pwrite of all of it. NO_SPACE on a full disk. */
bool spill_get(int fd, char *data, int64_t size, int64_t offset, struct error *error);
bool spill_put(int fd, const char *data, int64_t size, int64_t offset, struct error *error);
/* The disk begins to write what was put, so that a sync at the end has little left to wait for. */
void spill_begin_writing(int fd);

#endif
