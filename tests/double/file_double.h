/*
 * A disk that fails when it is told to and forgets what was not synced, behind struct file_system.
 *
 * It watches one folder of the real disk. What lies there at the start is durable; later the
 * content of a file is durable as it was at its last fsync or fdatasync, and the names in a folder
 * as they were at the folder's last fsync. That is all that POSIX promises; most file systems keep
 * more.
 */
#ifndef NIGHTJAR_TESTS_DOUBLE_FILE_DOUBLE_H
#define NIGHTJAR_TESTS_DOUBLE_FILE_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

enum file_double_fault {
    FILE_DOUBLE_FAIL, /* this one call fails and changes nothing */
    FILE_DOUBLE_HALF, /* a write writes half and says so, nothing else is wrong; other calls work */
    FILE_DOUBLE_SHORT, /* a write writes half, and the next write fails; other calls just fail */
    FILE_DOUBLE_DEAD,  /* this call and all later ones fail: the process was killed before it */
    /* A write writes half, and nothing works any more: killed within it. */
    FILE_DOUBLE_DEAD_SHORT,
};

enum file_double_cut {
    FILE_DOUBLE_FORGET,     /* names and contents are those that were synced */
    FILE_DOUBLE_KEEP_NAMES, /* names went to the disk by themselves, contents did not */
};

/* Puts itself in front of the real file system; `folder` is absolute and has no links in its path.
 * One at a time. */
void file_double_start(const char *folder);
void file_double_stop(void);

/* The call with this number (from 0, of all calls since the start or the last file_double_heal)
 * meets the fault. */
void file_double_fail(int64_t call, enum file_double_fault fault, int os_errno);
/* No more faults; counting begins at 0 again. */
void file_double_heal(void);
int64_t file_double_calls(void);
/* Of these calls fsync and fdatasync. */
int64_t file_double_syncs(void);

/* Puts the folder into the state that a machine would find after a loss of power, and heals. */
void file_double_cut_power(enum file_double_cut cut);

#endif
