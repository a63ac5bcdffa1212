/*
 * clean: removes the run folders (not the rows) of ended experiments.
 *
 * A folder may hold a hundred thousand files, so a thread of libuv's pool removes them, under each
 * experiment's lock, and the reply comes when it is done: first the folders go, then the rows say
 * so. A crash between the two leaves folders to be cleaned again.
 *
 * One request cleans so many at most, that neither its thread nor its reply grows with the queue;
 * the reply says where the next one goes on.
 */
#include "daemon/request/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/wire.h"
#include "daemon/launch.h"

#define PATH_SIZE 4096
#define DEPTH_LIMIT 64
#define EXPERIMENTS_LIMIT 10000 /* of one request */

struct clean {
    uv_work_t work;
    struct daemon *daemon; /* borrowed; not touched by the thread */
    char *home;            /* owned */
    uint64_t session;
    bool dry_run;
    struct store_ids ids; /* owned */
    int64_t next;         /* the last one of these, where there are more of them; else 0 */
    bool *removed;        /* owned; of each id */
    int64_t bytes;
    struct error failure; /* the first; kind NONE: none */
};

static void clean_free(struct clean **clean)
{
    if (!*clean)
        return;
    free((*clean)->home);
    store_ids_release(&(*clean)->ids);
    free((*clean)->removed);
    memory_free(clean);
}

/* ---- in the thread ---- */

static void close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

/* Bytes on disk of everything below; links are not followed. What vanishes meanwhile is not
 * counted. */
static int64_t tree_bytes(int parent, const char *name, int depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    scoped(close_folder) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    int64_t bytes = 0;
    struct stat status;

    if (!folder) {
        descriptor_close(&fd);
        return 0;
    }
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        bytes += (int64_t)status.st_blocks * 512;
        if (S_ISDIR(status.st_mode) && depth < DEPTH_LIMIT)
            bytes += tree_bytes(dirfd(folder), entry->d_name, depth + 1);
    }
    return bytes;
}

/* The lock file goes last, while we hold it: nobody starts the experiment in a half-removed
 * folder. */
static bool remove_locked(const char *path, struct error *error)
{
    scoped(close_folder) DIR *folder = opendir(path);
    char entry_path[PATH_SIZE + 300];

    if (!folder)
        return errno == ENOENT || error_set_errno(error, errno, "%s", path);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, "lock") == 0)
            continue;
        snprintf(entry_path, sizeof(entry_path), "%s/%s", path, entry->d_name);
        if (!file_remove_tree(AT_FDCWD, entry_path, error))
            return false;
    }
    return file_remove_tree(AT_FDCWD, path, error);
}

static bool remove_one(struct clean *clean, size_t i, struct error *error)
{
    char path[PATH_SIZE];
    scoped(descriptor_close) int lock = -1;

    snprintf(path, sizeof(path), "%s/runs/%" PRId64, clean->home, clean->ids.item[i]);
    int64_t bytes = tree_bytes(AT_FDCWD, path, 0);
    if (!clean->dry_run) {
        if (!launch_lock(clean->home, clean->ids.item[i], &lock, error) &&
            error->kind != ERROR_NOT_FOUND)
            return error_wrap(error, "experiment %" PRId64, clean->ids.item[i]);
        if (!remove_locked(path, error))
            return false;
    }
    clean->removed[i] = true;
    clean->bytes += bytes;
    return true;
}

static void in_thread(uv_work_t *work)
{
    struct clean *clean = work->data;
    struct error error;

    for (size_t i = 0; i < clean->ids.n; i++)
        /* whose lock is held runs again by now, or another one cleans it: it is left alone */
        if (!remove_one(clean, i, &error) && error.kind != ERROR_BUSY &&
            clean->failure.kind == ERROR_NONE)
            clean->failure = error;
}

/* ---- in the loop ---- */

static bool store_removed(const struct clean *clean, struct error *error)
{
    struct store *store = clean->daemon->store;

    if (clean->dry_run)
        return true;
    if (!daemon_begin(clean->daemon, error))
        return false;
    for (size_t i = 0; i < clean->ids.n; i++)
        if (clean->removed[i] && !store_set_cleaned(store, clean->ids.item[i], error))
            return false;
    return true;
}

static bool make_result(const struct clean *clean, cJSON **ret_result, struct error *error)
{
    scoped(json_free) cJSON *result = cJSON_CreateObject();
    cJSON *experiments = json_add_array(result, "experiments");
    bool ok = experiments != NULL;

    for (size_t i = 0; ok && i < clean->ids.n; i++)
        if (clean->removed[i])
            ok = cJSON_AddItemToArray(experiments, cJSON_CreateNumber((double)clean->ids.item[i]));
    if (!ok || !json_add_integer(result, "bytes", clean->bytes) ||
        (clean->next > 0 && !json_add_integer(result, "next", clean->next)))
        return error_set(error, ERROR_NO_MEMORY, "answering");
    *ret_result = take(&result);
    return true;
}

static void after_thread(uv_work_t *work, int status)
{
    scoped(clean_free) struct clean *clean = work->data;
    struct session_answer answer = {.code = WIRE_CODE_FAILED, .error = clean->failure};

    if (status != 0)
        return;
    struct client_session *session = daemon_find_session(clean->daemon, clean->session);
    if (clean->daemon->stopping)
        return;
    answer.ok = store_removed(clean, &answer.error) && clean->failure.kind == ERROR_NONE &&
                make_result(clean, &answer.result, &answer.error);
    answer.uncommitted = store_in_transaction(clean->daemon->store);
    daemon_wake(clean->daemon);
    if (session)
        client_session_answer(session, &answer);
    else
        json_free(&answer.result);
}

/* Of the ids that a request may clean those behind `after`, as many as it does. */
static void choose_part(struct clean *clean, int64_t after)
{
    struct store_ids *ids = &clean->ids;
    size_t first = 0, n;

    while (first < ids->n && ids->item[first] <= after)
        first++;
    n = ids->n - first;
    if (n > EXPERIMENTS_LIMIT) {
        n = EXPERIMENTS_LIMIT;
        clean->next = ids->item[first + n - 1];
    }
    if (first > 0)
        memmove(ids->item, ids->item + first, n * sizeof(*ids->item));
    ids->n = n;
}

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(clean_free) struct clean *clean = calloc(1, sizeof(*clean));
    struct daemon *daemon = request->daemon;

    (void)ret_result;
    if (!clean)
        return error_set(error, ERROR_NO_MEMORY, "cleaning");
    if (!store_cleanable(daemon->store, request->params, daemon_wall_ms(daemon), &clean->ids,
                         error))
        return false;
    choose_part(clean, json_integer(request->params, "after", 0));
    clean->daemon = daemon;
    clean->session = client_session_public(request->session)->serial;
    clean->dry_run = json_boolean(request->params, "dry_run", false);
    clean->home = strdup(daemon->options.home);
    clean->removed = calloc(clean->ids.n + 1, sizeof(*clean->removed));
    if (!clean->home || !clean->removed)
        return error_set(error, ERROR_NO_MEMORY, "cleaning");
    clean->work.data = clean;
    int code = uv_queue_work(&daemon->loop, &clean->work, in_thread, after_thread);
    if (code != 0)
        return error_set(error, ERROR_INTERNAL, "cleaning: %s", uv_strerror(code));
    request->later = true;
    clean = NULL;
    return true;
}

const struct request_kind request_clean = {
    .name = "clean",
    .writes = false,
    .handle = handle,
};
