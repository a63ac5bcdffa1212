#include "daemon/backup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define IDLE_AFTER_MS (DAY_MS - INT64_C(4) * 3600 * 1000)
#define QUIET_MS 30000 /* from the last turn to an idle copy */
#define PIECE_MS 2

static const char *const weekday[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int64_t wall_ms(const struct backup *backup)
{
    return backup->clock->wall_ms(backup->clock->context);
}

/* ---- those that there are ---- */

bool backup_newest(const char *home, int n, char *ret_path, size_t size, int64_t *ret_ms)
{
    int64_t limit_ms = INT64_MAX;
    int limit_day = 7;

    for (;; n--) {
        int best = -1;
        int64_t best_ms = -1;

        for (int day = 0; day < 7; day++) {
            struct stat status;

            (void)snprintf(ret_path, size, "%s/backup/queue-%s.db", home, weekday[day]);
            if (stat(ret_path, &status) != 0)
                continue;
            int64_t ms = status.st_mtim.tv_sec * INT64_C(1000) + status.st_mtim.tv_nsec / 1000000;
            bool after = ms < limit_ms || (ms == limit_ms && day < limit_day);
            if (after && ms >= best_ms) {
                best = day;
                best_ms = ms;
            }
        }
        if (best < 0)
            return false;
        limit_ms = best_ms;
        limit_day = best;
        if (n == 0) {
            (void)snprintf(ret_path, size, "%s/backup/queue-%s.db", home, weekday[best]);
            *ret_ms = best_ms;
            return true;
        }
    }
}

/* ---- the copy ---- */

static void end(struct backup *backup, const struct error *error)
{
    store_backup_free(&backup->copy);
    backup->busy = false;
    /* One that failed is not tried again before another day: a full disk stays full for a while. */
    backup->newest_ms = wall_ms(backup);
    if (error)
        log_error("the backup of the queue: %s", error->message);
    else
        log_info("the queue was copied to %s", backup->name);
    backup->done(backup->context, backup->name, error);
}

static void seal(uv_work_t *work)
{
    struct backup *backup = work->data;

    backup->failure = (struct error){0};
    (void)store_backup_seal(backup->copy, backup->name, &backup->failure);
}

static void on_sealed(uv_work_t *work, int status)
{
    struct backup *backup = work->data;

    backup->sealing = false;
    if (status != 0)
        (void)error_set(&backup->failure, ERROR_CANCELLED, "the daemon ended");
    if (uv_is_closing((uv_handle_t *)&backup->timer))
        store_backup_free(&backup->copy);
    else
        end(backup, backup->failure.kind == ERROR_NONE ? NULL : &backup->failure);
}

static void on_piece(uv_timer_t *timer)
{
    struct backup *backup = timer->data;
    struct error error;
    bool done = false;

    if (store_in_transaction(backup->store))
        return;
    if (!store_backup_step(backup->copy, &done, &error)) {
        uv_timer_stop(timer);
        end(backup, &error);
        return;
    }
    if (!done)
        return;
    uv_timer_stop(timer);
    backup->work.data = backup;
    backup->sealing = uv_queue_work(timer->loop, &backup->work, seal, on_sealed) == 0;
    if (!backup->sealing) {
        (void)error_set(&error, ERROR_NO_MEMORY, "no thread checks the copy");
        end(backup, &error);
    }
}

static bool begin(struct backup *backup, struct error *error)
{
    char path[BACKUP_PATH_SIZE];
    time_t now = (time_t)(wall_ms(backup) / 1000);
    struct tm day = {0};

    (void)snprintf(path, sizeof(path), "%s/backup", backup->home);
    if (!file_make_folders(path, error))
        return false;
    (void)localtime_r(&now, &day);
    (void)snprintf(path, sizeof(path), "%s/backup/queue.db.new", backup->home);
    (void)snprintf(backup->name, sizeof(backup->name), "%s/backup/queue-%s.db", backup->home,
                   weekday[day.tm_wday]);
    return store_backup_begin(backup->store, path, &backup->copy, error);
}

bool backup_begin(struct backup *backup, struct error *error)
{
    if (backup->busy)
        return error_set(error, ERROR_BUSY, "a backup is under way");
    if (!begin(backup, error))
        return false;
    backup->busy = true;
    uv_timer_start(&backup->timer, on_piece, 0, PIECE_MS);
    return true;
}

/* ---- when ---- */

static void on_due(uv_timer_t *timer)
{
    struct backup *backup = timer->data;
    struct error error;

    if (!backup_begin(backup, &error))
        end(backup, &error);
}

/* What a clock said that was ahead and has been set right: until then there would be no backup. */
static void forget_future(struct backup *backup, int64_t now_ms)
{
    if (backup->newest_ms > now_ms)
        backup->newest_ms = 0;
    if (backup->begun_ms > now_ms)
        backup->begun_ms = now_ms;
}

void backup_consider(struct backup *backup, bool idle)
{
    int64_t now_ms = wall_ms(backup), age_ms, since_ms;

    if (backup->busy)
        return;
    forget_future(backup, now_ms);
    age_ms = now_ms - backup->newest_ms;
    since_ms = backup->newest_ms ? backup->newest_ms : backup->begun_ms;
    if (now_ms - since_ms >= DAY_MS)
        uv_timer_start(&backup->timer, on_due, 0, 0);
    else if (idle && age_ms >= IDLE_AFTER_MS)
        uv_timer_start(&backup->timer, on_due, QUIET_MS, 0);
    else
        uv_timer_stop(&backup->timer);
}

void backup_open(struct backup *backup, uv_loop_t *loop)
{
    char path[BACKUP_PATH_SIZE];
    int64_t made_ms;

    uv_timer_init(loop, &backup->timer);
    backup->timer.data = backup;
    backup->begun_ms = wall_ms(backup);
    for (int i = 0; backup_newest(backup->home, i, path, sizeof(path), &made_ms); i++)
        if (made_ms <= backup->begun_ms) {
            backup->newest_ms = made_ms;
            break;
        }
}

void backup_close(struct backup *backup)
{
    uv_close((uv_handle_t *)&backup->timer, NULL);
    if (!backup->sealing)
        store_backup_free(&backup->copy);
}
