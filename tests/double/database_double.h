/*
 * A disk under SQLite that fails when it is told to and forgets what was not synced: a VFS in front
 * of the real one, for files that are opened by name, and the fsync of struct file_system for their
 * folder.
 *
 * Between a write and the sync of its file the write is pending. A cut of power keeps no pending
 * writes, all of them, or any sectors of them: a disk is free to do each.
 */
#ifndef NIGHTJAR_TESTS_DOUBLE_DATABASE_DOUBLE_H
#define NIGHTJAR_TESTS_DOUBLE_DATABASE_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

enum database_double_fault {
    DATABASE_DOUBLE_FAIL, /* this call alone fails: input/output error */
    DATABASE_DOUBLE_FULL, /* this call alone fails: no space left */
    DATABASE_DOUBLE_DEAD, /* this call and all later ones fail: the power went before it */
};

enum database_double_cut {
    DATABASE_DOUBLE_FORGET, /* what was pending is gone */
    DATABASE_DOUBLE_KEEP,   /* it is all there: only the process was killed */
    DATABASE_DOUBLE_TEAR,   /* some sectors of it are there */
};

/* From now on SQLite's memory comes from malloc, so that memory_double stands in front of it too.
 * Before any database was opened; false: SQLite does not want to. */
bool database_double_use_malloc(void);

/* Becomes the VFS of every database that is opened from now on; knows nothing of any file yet. */
void database_double_start(void);
void database_double_stop(void); /* no database may be open */

/* The write, truncation, sync or removal with this number (from 0, since the start or the last
 * heal) meets the fault. */
void database_double_fail(int64_t call, enum database_double_fault fault);
/* No more faults; counting begins at 0 again. */
void database_double_heal(void);
int64_t database_double_calls(void);
bool database_double_met(void); /* whether the fault was met */

/* Puts the files into the state that a machine would find after a loss of power, and heals. No
 * database may be open. `seed` chooses the sectors. */
void database_double_cut_power(enum database_double_cut cut, uint64_t seed);

#endif
