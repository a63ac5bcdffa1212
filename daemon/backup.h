/*
 * The daily copy of the queue: <home>/backup/queue-<weekday>.db, so that a week of them is there.
 * It grows as queue.db.new a piece a turn of the loop, is checked and synced by another thread, and
 * then takes the place of the one of a week ago.
 *
 * Due when the newest is most of a day old and nothing runs, or a whole day old; one whose time is
 * still to come was made by a clock that was ahead, and does not count. Only a turn of the loop
 * looks whether it is due: a daemon that nobody uses makes no copies and has no timer.
 */
#ifndef NIGHTJAR_DAEMON_BACKUP_H
#define NIGHTJAR_DAEMON_BACKUP_H

#include "common/clock.h"
#include "common/error.h"
#include "daemon/store/backup.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define BACKUP_PATH_SIZE 4096

struct backup {
    struct store *store;                                                      /* borrowed */
    const struct clock *clock;                                                /* borrowed */
    const char *home;                                                         /* borrowed */
    void (*done)(void *context, const char *path, const struct error *error); /* error NULL: good */
    void *context;

    uv_timer_t timer;          /* until it begins; then from piece to piece */
    uv_work_t work;            /* the check */
    int64_t newest_ms;         /* wall; 0: none */
    int64_t begun_ms;          /* wall: of this daemon */
    bool busy;                 /* one is under way */
    bool sealing;              /* `work` is queued: the copy is the other thread's */
    struct store_backup *copy; /* owned */
    char name[BACKUP_PATH_SIZE];
    struct error failure; /* of the thread */
};

/* `backup` has store, clock, home, done and context set. */
void backup_open(struct backup *backup, uv_loop_t *loop);
/* After a turn: arms the timer where a copy is due. */
void backup_consider(struct backup *backup, bool idle);
/* Begins at once; BUSY where one is under way. */
bool backup_begin(struct backup *backup, struct error *error);
void backup_close(struct backup *backup);

/* <home>/backup/queue-sun.db; the newest `n` first. *ret_ms: when it was made. */
bool backup_newest(const char *home, int n, char *ret_path, size_t size, int64_t *ret_ms);

#endif
