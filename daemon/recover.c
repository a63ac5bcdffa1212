#include "daemon/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"
#include "daemon/backup.h"
#include "daemon/journal_intake.h"
#include "daemon/store/recover.h"

#define PATH_SIZE 4096
#define BACKUP_LIMIT ((size_t)16 << 30)
#define SPEC_DOCUMENT_LIMIT ((size_t)64 << 20)

/* ---- folders ---- */

static void folder_close(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder);
}

static int64_t number_of(const char *name)
{
    char *end;
    long long value = strtoll(name, &end, 10);

    return *name >= '1' && *name <= '9' && !*end && value < INT64_MAX ? value : 0;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

struct numbers {
    int64_t *item; /* owned, ascending */
    size_t n;
};

static void numbers_release(struct numbers *numbers)
{
    free(numbers->item);
}

static bool add_number(struct numbers *numbers, int64_t number, struct error *error)
{
    if ((numbers->n & (numbers->n - 1)) == 0) {
        size_t capacity = numbers->n ? 2 * numbers->n : 1;
        int64_t *item = realloc(numbers->item, capacity * sizeof(*item));

        if (!item)
            return error_set(error, ERROR_NO_MEMORY, "listing folders");
        numbers->item = item;
    }
    numbers->item[numbers->n++] = number;
    return true;
}

/* Entries whose names are numbers; a folder that is not there has none. */
static bool list_numbers(const char *path, struct numbers *numbers, struct error *error)
{
    scoped(folder_close) DIR *folder = opendir(path);
    const struct dirent *entry;

    if (!folder)
        return errno == ENOENT || error_set_errno(error, errno, "%s", path);
    while ((entry = readdir(folder)))
        if (number_of(entry->d_name) > 0 && !add_number(numbers, number_of(entry->d_name), error))
            return false;
    if (numbers->n > 0)
        qsort(numbers->item, numbers->n, sizeof(*numbers->item), ascending);
    return true;
}

/* ---- one experiment ---- */

struct taking {
    struct store *store; /* borrowed */
    const char *home;    /* borrowed */
    struct recovery *recovery;
};

static bool read_spec(const char *folder, cJSON **ret_document, int64_t *ret_ms,
                      struct error *error)
{
    char path[PATH_SIZE + 16];
    scoped(memory_free) char *text = NULL;
    struct stat status;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/spec.json", folder);
    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    *ret_ms = status.st_mtim.tv_sec * INT64_C(1000);
    return file_read(AT_FDCWD, path, SPEC_DOCUMENT_LIMIT, &text, &size, error) &&
           json_parse(text, size, ret_document, error);
}

static void intake_release(struct journal_intake *intake)
{
    journal_intake_release(intake);
}

/* The journals of a run that was not the latest, and its verdict. */
static bool take_ended(struct taking *taking, const char *folder, int64_t experiment, int64_t run,
                       struct error *error)
{
    scoped(intake_release) struct journal_intake intake = {0};
    struct journal_taken taken = {.more = true};
    int64_t now_ms = (int64_t)time(NULL) * 1000;

    if (!journal_intake_start(&intake, folder, experiment, run, 0, error))
        return false;
    while (taken.more)
        if (!journal_intake_take(&intake, taking->store, now_ms, &taken, error))
            return false;
    return store_recover_end(taking->store, experiment, run, intake.exited ? &intake.exit : NULL,
                             error);
}

static bool take_runs(struct taking *taking, int64_t experiment, const struct numbers *runs,
                      struct error *error)
{
    for (size_t i = 0; i < runs->n; i++) {
        scoped(json_free) cJSON *document = NULL;
        char folder[PATH_SIZE];
        int64_t created_ms = 0;
        struct error unread;
        bool ended;

        (void)snprintf(folder, sizeof(folder), "%s/runs/%" PRId64 "/%" PRId64, taking->home,
                       experiment, runs->item[i]);
        if (!read_spec(folder, &document, &created_ms, &unread))
            log_warning("%s", unread.message);
        if (!store_recover_run(taking->store, experiment, runs->item[i], created_ms, &ended, error))
            return false;
        if (i + 1 < runs->n && !ended &&
            !take_ended(taking, folder, experiment, runs->item[i], error))
            return false;
    }
    return store_recover_adopt(taking->store, experiment, runs->item[runs->n - 1], error);
}

/* From the newest run folder whose spec.json can be read. *ret_added false: none could. */
static bool add_experiment(struct taking *taking, int64_t experiment, const struct numbers *runs,
                           bool *ret_added, struct error *error)
{
    struct error failure = {0};

    *ret_added = false;
    for (size_t i = runs->n; i-- > 0 && !*ret_added;) {
        scoped(json_free) cJSON *document = NULL;
        char folder[PATH_SIZE];
        int64_t created_ms;

        (void)snprintf(folder, sizeof(folder), "%s/runs/%" PRId64 "/%" PRId64, taking->home,
                       experiment, runs->item[i]);
        if (!read_spec(folder, &document, &created_ms, &failure))
            continue;
        if (json_integer(document, "id", 0) != experiment)
            continue;
        *ret_added = store_recover_add(taking->store, document, created_ms, &failure);
        if (!*ret_added && failure.kind != ERROR_INVALID) {
            *error = failure;
            return false;
        }
    }
    if (!*ret_added)
        log_warning("experiment %" PRId64 " has no spec.json that can be read: %s", experiment,
                    failure.message);
    return true;
}

static bool take_experiment(struct taking *taking, int64_t experiment, struct error *error)
{
    scoped(numbers_release) struct numbers runs = {0};
    char path[PATH_SIZE];
    struct store_known known;
    bool added = false;

    (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64, taking->home, experiment);
    if (!list_numbers(path, &runs, error) ||
        !store_recover_known(taking->store, experiment, &known, error))
        return false;
    if (runs.n == 0 || (known.exists && runs.item[runs.n - 1] <= known.run))
        return store_recover_reserve(taking->store, experiment, error);
    if (!known.exists && !add_experiment(taking, experiment, &runs, &added, error))
        return false;
    if (!known.exists && !added) {
        taking->recovery->unreadable++;
        return store_recover_reserve(taking->store, experiment, error);
    }
    if (known.exists)
        taking->recovery->renewed++;
    else
        taking->recovery->added++;
    return take_runs(taking, experiment, &runs, error);
}

static bool take_all(struct taking *taking, struct error *error)
{
    scoped(numbers_release) struct numbers experiments = {0};
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/runs", taking->home);
    if (!list_numbers(path, &experiments, error))
        return false;
    for (size_t i = 0; i < experiments.n; i++)
        if (!take_experiment(taking, experiments.item[i], error))
            return error_wrap(error, "experiment %" PRId64, experiments.item[i]);
    return true;
}

static bool take_in(struct store *store, const char *home, struct recovery *recovery,
                    struct error *error)
{
    struct taking taking = {.store = store, .home = home, .recovery = recovery};

    if (!store_begin(store, error))
        return false;
    if (take_all(&taking, error))
        return store_commit(store, error);
    store_rollback(store);
    return false;
}

/* ---- the queue that is there ---- */

/* *ret_good false: it is damaged. */
static bool recover_in_place(const char *home, struct recovery *recovery, bool *ret_good,
                             struct error *error)
{
    scoped(store_free) struct store *store = NULL;

    *recovery = (struct recovery){.source = "queue.db"};
    *ret_good = store_open(home, &store, error) && take_in(store, home, recovery, error);
    return *ret_good || error->kind == ERROR_CORRUPT;
}

/* ---- a new one ---- */

static bool copy_backup(const char *from, const char *to, struct error *error)
{
    scoped(memory_free) char *data = NULL;
    size_t size;

    return file_read(AT_FDCWD, from, BACKUP_LIMIT, &data, &size, error) &&
           file_replace(AT_FDCWD, to, data, size, error);
}

/* Makes <work>/queue.db of one source; CORRUPT: try the next one. */
static bool build(const char *home, const char *work, const char *backup, struct recovery *recovery,
                  struct error *error)
{
    scoped(store_free) struct store *store = NULL;
    char path[PATH_SIZE];

    *recovery = (struct recovery){.source = "nothing"};
    if (backup)
        (void)snprintf(recovery->source, sizeof(recovery->source), "backup/%s",
                       strrchr(backup, '/') + 1);
    (void)snprintf(path, sizeof(path), "%s/queue.db", work);
    return file_remove_tree(AT_FDCWD, work, error) && file_make_folders(work, error) &&
           (!backup || copy_backup(backup, path, error)) && store_open(work, &store, error) &&
           take_in(store, home, recovery, error) && store_checkpoint(store, error);
}

static bool build_best(const char *home, const char *work, struct recovery *recovery,
                       struct error *error)
{
    char backup[PATH_SIZE];
    int64_t made_ms;

    for (int i = 0; backup_newest(home, i, backup, sizeof(backup), &made_ms); i++) {
        if (build(home, work, backup, recovery, error))
            return true;
        if (error->kind != ERROR_CORRUPT)
            return false;
        log_warning("%s", error->message);
    }
    return build(home, work, NULL, recovery, error);
}

static bool put_log_aside(const char *home, const char *aside, struct error *error)
{
    char from[PATH_SIZE], to[PATH_SIZE + 8];

    (void)snprintf(from, sizeof(from), "%s/queue.db-wal", home);
    (void)snprintf(to, sizeof(to), "%s-wal", aside);
    return !file_exists(AT_FDCWD, from) || file_rename(AT_FDCWD, from, to, error);
}

/* The log goes first: it must never stand beside a database that it does not belong to. Then the
 * damaged file gets its second name, so that at no time there is no queue.db. */
static bool exchange(const char *home, const char *work, struct recovery *recovery,
                     struct error *error)
{
    char path[PATH_SIZE], made[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/queue.db", home);
    (void)snprintf(made, sizeof(made), "%s/queue.db", work);
    (void)snprintf(recovery->aside, sizeof(recovery->aside), "%s/queue.db.damaged-%" PRId64, home,
                   (int64_t)time(NULL));
    if (!put_log_aside(home, recovery->aside, error))
        return false;
    if (!file_exists(AT_FDCWD, path))
        recovery->aside[0] = '\0';
    else if (link(path, recovery->aside) != 0)
        return error_set_errno(error, errno, "%s", recovery->aside);
    return file_rename(AT_FDCWD, made, path, error) && file_sync_folder(AT_FDCWD, home, error) &&
           file_remove_tree(AT_FDCWD, work, error);
}

bool recover_home(const char *home, struct recovery *ret_recovery, struct error *error)
{
    char path[PATH_SIZE], work[PATH_SIZE];
    struct recovery recovery;
    bool good = false;

    (void)snprintf(path, sizeof(path), "%s/queue.db", home);
    (void)snprintf(work, sizeof(work), "%s/recover", home);
    if (file_exists(AT_FDCWD, path) && !recover_in_place(home, &recovery, &good, error))
        return false;
    if (!good) {
        if (file_exists(AT_FDCWD, path))
            log_warning("%s", error->message);
        if (!build_best(home, work, &recovery, error) || !exchange(home, work, &recovery, error))
            return false;
    }
    *ret_recovery = recovery;
    return true;
}

/* ---- at the daemon's start ---- */

bool recover_check(const char *home, struct store *store, struct error *error)
{
    scoped(numbers_release) struct numbers experiments = {0};
    char path[PATH_SIZE];
    int64_t largest = 0;

    (void)snprintf(path, sizeof(path), "%s/queue.db", home);
    if (!store && file_exists(AT_FDCWD, path))
        return true;
    if (store && !store_recover_largest(store, &largest, error))
        return false;
    (void)snprintf(path, sizeof(path), "%s/runs", home);
    if (!list_numbers(path, &experiments, error))
        return false;
    if (experiments.n == 0 || experiments.item[experiments.n - 1] <= largest)
        return true;
    return error_set(error, ERROR_CORRUPT,
                     "%s/queue.db %s experiment %" PRId64
                     ", which has a folder in runs/: see nj daemon recover",
                     home, store ? "does not know" : "is gone, and with it",
                     experiments.item[experiments.n - 1]);
}
