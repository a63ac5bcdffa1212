#include "worker/engine/prepared/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/prepared/content.h"
#include "worker/engine/prepared/parallel.h"
#include "worker/engine/prepared/prepared.h"
#include "worker/engine/prepared/unique.h"
#include "worker/engine/prepared/view.h"
#include "worker/engine/report.h"

#define STORE_VERSION 5 /* of what an import makes: another one is another key */
#define META_LIMIT ((size_t)256 * 1024 * 1024)
#define WAIT_MS 100
#define CHECKED_BYTES                                                          \
    ((int64_t)16 * 1024 * 1024) /* summed at every opening; more when asked to \
                                 */

struct store {
    const char *folder;
    const struct data_config *config;
    const struct data_files *files;
    char key[HASH_TEXT_SIZE];
    char *file, *aside, *lock; /* owned: paths */
    struct warning_list *warnings;
};

static void store_release(struct store *store)
{
    free(store->file);
    free(store->aside);
    free(store->lock);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "opening prepared data");
}

bool store_folder(const char *run_folder, struct buffer *ret_folder, struct error *error)
{
    const char *given = getenv("NIGHTJAR_DATA");
    scoped(memory_free) char *whole = realpath(run_folder, NULL);
    scoped(memory_free) char *copy = NULL;
    char *experiment, *runs;

    if (given && *given)
        return buffer_append_text(ret_folder, given, error);
    if (!whole || !(copy = strdup(whole)))
        return error_set_errno(error, errno, "%s", run_folder);
    experiment = dirname(copy);
    runs = strrchr(experiment, '/');
    if (runs && runs - experiment >= 5 && strncmp(runs - 5, "/runs", 5) == 0)
        return buffer_append(ret_folder, experiment, (size_t)(runs - experiment) - 4, error) &&
               buffer_append_text(ret_folder, "data", error);
    return buffer_append_format(ret_folder, error, "%s/data", experiment);
}

/* ---- which file -------------------------------------------------------------------------------*/

/* What changes whenever a file's content does. */
static bool identity(const char *path, char ret[HASH_TEXT_SIZE], struct error *error)
{
    struct stat status;
    char text[256];

    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    (void)snprintf(text, sizeof(text), "%llu %llu %lld %lld.%09ld %lld.%09ld",
                   (unsigned long long)status.st_dev, (unsigned long long)status.st_ino,
                   (long long)status.st_size, (long long)status.st_mtim.tv_sec,
                   status.st_mtim.tv_nsec, (long long)status.st_ctim.tv_sec,
                   status.st_ctim.tv_nsec);
    (void)hash_text(text, strlen(text), ret);
    return true;
}

struct folder_sums { /* of the source, and of one beside it */
    const char *path[2];
    uint64_t sum[2], n[2]; /* files, in any order */
};

/* Of a folder what its files are and when they changed counts, in any order. */
static bool sum_folder(struct folder_sums *sums, int64_t number, struct error *error)
{
    const char *path = sums->path[number];
    DIR *folder = opendir(path);
    bool good = true;

    if (!folder)
        return error_set_errno(error, errno, "%s", path);
    for (struct dirent *entry; good && (entry = readdir(folder));) {
        struct stat status;

        if (entry->d_name[0] == '.')
            continue;
        good = fstatat(dirfd(folder), entry->d_name, &status, 0) == 0 ||
               error_set_errno(error, errno, "%s/%s", path, entry->d_name);
        if (good) {
            const uint64_t file[] = {hash_bytes(entry->d_name, strlen(entry->d_name)),
                                     (uint64_t)status.st_ino,
                                     (uint64_t)status.st_size,
                                     (uint64_t)status.st_mtim.tv_sec,
                                     (uint64_t)status.st_mtim.tv_nsec,
                                     (uint64_t)status.st_ctim.tv_sec,
                                     (uint64_t)status.st_ctim.tv_nsec};

            sums->sum[number] += hash_bytes(file, sizeof(file));
            sums->n[number]++;
        }
    }
    (void)closedir(folder);
    return good;
}

/* Whoever reads the second one says what is wrong with it. */
static bool sum_one(void *context, int64_t number, struct error *error)
{
    struct error missing = {0};

    return sum_folder(context, number, number == 0 ? error : &missing) || number > 0;
}

/* A format of folders may read a second one beside the first. */
static bool folder_hash(const struct store *store, const char *path, char ret[HASH_TEXT_SIZE],
                        struct error *error)
{
    scoped(json_free) cJSON *data = settings_json(data_settings, store->config);
    scoped(buffer_release) struct buffer beside = {0};
    const char *labels = json_text(json_member(data, "format"), "labels", NULL);
    const char *slash = strrchr(path, '/');
    struct folder_sums sums = {.path = {path}};
    uint64_t sum[4];

    if (!data)
        return no_memory(error);
    if (labels && labels[0] != '/' && slash &&
        !buffer_append(&beside, path, (size_t)(slash - path) + 1, error))
        return false;
    if (labels && !buffer_append_text(&beside, labels, error))
        return false;
    sums.path[1] = beside.data;
    if (!parallel_run(parallel_threads(), labels ? 2 : 1, sum_one, &sums, error))
        return false;
    memcpy(sum, sums.sum, sizeof(sums.sum));
    memcpy(sum + 2, sums.n, sizeof(sums.n));
    (void)hash_text(sum, sizeof(sum), ret);
    return true;
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The hash of the content; of a file that was seen before as it is now without reading it. */
static bool known_hash(const char *folder, const char *path, char ret[HASH_TEXT_SIZE],
                       struct error *error)
{
    scoped(buffer_release) struct buffer note = {0};
    scoped(memory_free) char *known = NULL;
    char before[HASH_TEXT_SIZE], after[HASH_TEXT_SIZE];
    struct error unknown = {0};
    size_t size;

    if (!identity(path, before, error) ||
        !buffer_append_format(&note, error, "%s/sources", folder) ||
        !file_make_folders(note.data, error) || !buffer_append_format(&note, error, "/%s", before))
        return false;
    if (file_read(AT_FDCWD, note.data, HASH_TEXT_SIZE, &known, &size, &unknown) &&
        size == HASH_TEXT_SIZE - 1) {
        memcpy(ret, known, size);
        ret[size] = '\0';
        return true;
    }
    if (!content_hash(path, ret, error) || !identity(path, after, error))
        return false;
    if (strcmp(before, after) != 0)
        return error_set(error, ERROR_INVALID, "%s: changed while it was read", path);
    return file_replace_fast(AT_FDCWD, note.data, ret, strlen(ret), error);
}

/* Of conditions only the columns that they look at. */
static bool add_where(const struct store *store, cJSON *data, struct error *error)
{
    scoped(where_columns_release) struct setting_texts columns = {0};
    cJSON *list;

    cJSON_DeleteItemFromObjectCaseSensitive(data, "where");
    if (store->config->where.n == 0)
        return true;
    if (!where_columns(&store->config->where, &columns, error))
        return false;
    list = cJSON_CreateStringArray((const char *const *)columns.item, (int)columns.n);
    return json_add_item(data, "where", &list) || no_memory(error);
}

/* All of data that decides what is made of the file. */
static bool settings_text(const struct store *store, struct buffer *text, struct error *error)
{
    static const char *const later[] = {"source",           "allow_leak",     "max_categories",
                                        "target_transform", "unseen_classes", "long"};
    scoped(json_free) cJSON *data = settings_json(data_settings, store->config);
    cJSON *split = data ? cJSON_GetObjectItemCaseSensitive(data, "split") : NULL;

    if (!data)
        return no_memory(error);
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        cJSON_DeleteItemFromObjectCaseSensitive(data, later[i]);
    for (cJSON *item = split ? split->child : NULL, *next; item; item = next) {
        next = item->next;
        if (strcmp(item->string, "group") != 0 && strcmp(item->string, "column") != 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(split, item));
    }
    if (!split_by_groups(&store->config->split))
        cJSON_DeleteItemFromObjectCaseSensitive(split, "group");
    return add_where(store, data, error) && json_print(data, text, error);
}

static bool add_content(const struct store *store, const char *path, struct buffer *text,
                        struct error *error)
{
    char content[HASH_TEXT_SIZE];

    return (is_folder(path) ? folder_hash(store, path, content, error)
                            : known_hash(store->folder, path, content, error)) &&
           buffer_append_format(text, error, "%s ", content);
}

/* What the files hold, and where there are several how the column "file" calls them. */
static bool add_contents(const struct store *store, struct buffer *text, struct error *error)
{
    const struct data_files *files = store->files;

    for (size_t i = 0; i < files->n; i++)
        if (!add_content(store, files->path[i], text, error) ||
            (files->n > 1 && !buffer_append_format(text, error, "%s ", files->name[i])))
            return false;
    for (size_t i = 0; i < files->n_joined; i++)
        if (!add_content(store, files->joined[i], text, error))
            return false;
    return true;
}

static bool store_init(struct store *store, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    if (!buffer_append_format(&text, error, "%d %s %s", STORE_VERSION, NIGHTJAR_VERSION,
                              split_by_files(&store->config->split) ? "files " : "") ||
        !add_contents(store, &text, error) || !settings_text(store, &text, error))
        return false;
    (void)hash_text(text.data, text.size, store->key);
    if (asprintf(&store->file, "%s/%s.h5", store->folder, store->key) < 0 ||
        asprintf(&store->aside, "%s/%s.new", store->folder, store->key) < 0 ||
        asprintf(&store->lock, "%s/%s.lock", store->folder, store->key) < 0)
        return no_memory(error);
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------*/

static int64_t all_bytes(const struct hdf5_array *array, int n)
{
    int64_t bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += hdf5_array_bytes(&array[i]);
    return bytes;
}

/* NOT_FOUND, CORRUPT: to be built. */
static bool open_file(const struct store *store, struct dataset **ret_dataset, struct error *error)
{
    scoped(memory_free) struct hdf5_array *array = NULL;
    scoped(memory_free) char *text = NULL;
    scoped(json_free) cJSON *meta = NULL;
    scoped(descriptor_close) int fd = -1;
    int n;

    if (!hdf5_find_arrays(store->file, META_LIMIT, &text, &array, &n, error) ||
        !json_parse(text, strlen(text), &meta, error) ||
        !file_open(AT_FDCWD, store->file, O_RDONLY, &fd, error))
        return false;
    if (all_bytes(array, n) <= CHECKED_BYTES && !view_check(fd, store->file, array, n, error))
        return false;
    if (store->warnings && !view_read_warnings(fd, array, n, store->warnings, error))
        return false;
    return view_open(fd, store->file, store->files->text, array, n, meta, ret_dataset, error);
}

static bool take_lock(int fd, int how, bool *ret_taken, struct error *error)
{
    while (flock(fd, how | LOCK_NB) != 0) {
        if (errno == EINTR)
            continue;
        *ret_taken = false;
        return errno == EWOULDBLOCK || error_set_errno(error, errno, "locking prepared data");
    }
    *ret_taken = true;
    return true;
}

/* ---- building ---------------------------------------------------------------------------------*/

struct building {
    const struct store *store;
    int fd; /* owned; -1: none */
};

static bool make_file(void *context, struct import_arrays *arrays, int *ret_fd, struct error *error)
{
    struct building *building = context;
    scoped(buffer_release) struct buffer meta = {0};

    if (!json_print(arrays->meta, &meta, error) ||
        !hdf5_create_arrays(building->store->aside, meta.data, arrays->array, arrays->n, error) ||
        !file_open(AT_FDCWD, building->store->aside, O_RDWR, &building->fd, error))
        return false;
    for (int i = 0; i < arrays->n; i++) { /* a full disk is told now, not at the last row */
        const struct hdf5_array *array = &arrays->array[i];
        int64_t bytes = hdf5_array_bytes(array);
        int code = bytes == 0 || strcmp(array->name, "segment") == 0
                       ? 0
                       : posix_fallocate(building->fd, array->offset, bytes);

        if (code != 0 && code != EOPNOTSUPP && code != EINVAL)
            return error_set_errno(error, code, "%s", building->store->aside);
    }
    *ret_fd = building->fd;
    return true;
}

static bool import_aside(const struct store *store, struct building *building, struct error *error)
{
    const struct import_target target = {.context = building, .make = make_file};
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));
    const struct prepared_request request = {.config = store->config,
                                             .files = store->files,
                                             .folder = store->folder,
                                             .warnings = warnings};
    scoped(import_arrays_release) struct import_arrays arrays = {0};
    scoped(dataset_free) struct dataset *dataset = NULL;

    if (!warnings)
        return no_memory(error);
    return prepared_import(&request, &target, &arrays, error) &&
           view_open(building->fd, store->aside, store->files->text, arrays.array, arrays.n,
                     arrays.meta, &dataset, error) &&
           unique_check(dataset, error) &&
           view_write_warnings(building->fd, arrays.array, arrays.n, warnings, error) &&
           view_write_checksums(building->fd, arrays.array, arrays.n, error);
}

static bool finish(const struct store *store, const struct building *building, struct error *error)
{
    if (fchmod(building->fd, 0400) != 0)
        return error_set_errno(error, errno, "%s", store->aside);
    return file_sync(building->fd, error) &&
           file_rename(AT_FDCWD, store->aside, store->file, error) &&
           file_sync_folder(AT_FDCWD, store->folder, error);
}

static bool identities(const struct data_files *files, char ret[HASH_TEXT_SIZE],
                       struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    for (size_t i = 0; i < files->n + files->n_joined; i++)
        if (!identity(i < files->n ? files->path[i] : files->joined[i - files->n], ret, error) ||
            !buffer_append_text(&text, ret, error))
            return false;
    (void)hash_text(text.data, text.size, ret);
    return true;
}

static bool build(const struct store *store, struct error *error)
{
    struct building building = {.store = store, .fd = -1};
    char before[HASH_TEXT_SIZE], after[HASH_TEXT_SIZE];
    bool good = identities(store->files, before, error) && import_aside(store, &building, error) &&
                identities(store->files, after, error);

    if (good && strcmp(before, after) != 0)
        good = error_set(error, ERROR_INVALID, "%s: changed while it was read", store->files->text);
    good = good && finish(store, &building, error);
    if (building.fd >= 0)
        (void)close(building.fd);
    if (!good)
        (void)unlink(store->aside);
    return good;
}

/* With the exclusive lock held: what another one has built meanwhile is good, what was left half
 * way or is damaged is built again. */
static bool build_if_missing(const struct store *store, bool *ret_built, struct error *error)
{
    scoped(dataset_free) struct dataset *dataset = NULL;
    struct store quiet = *store;
    struct error ignored = {0};

    quiet.warnings = NULL;
    *ret_built = !open_file(&quiet, &dataset, &ignored);
    return !*ret_built || build(store, error);
}

/* ---- the whole --------------------------------------------------------------------------------*/

static bool say_waiting(bool *said, struct error *error)
{
    if (*said)
        return true;
    *said = true;
    return report_note(error, "another run prepares these data; waiting for it");
}

/* Takes the shared lock where the data are there, else builds them under the exclusive one first.
 */
static bool lock_and_open(struct store *store, int lock, struct dataset **ret_dataset,
                          bool *ret_built, struct error *error)
{
    const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
    bool said = false, taken;

    for (;;) {
        if (!take_lock(lock, LOCK_SH, &taken, error))
            return false;
        if (taken && open_file(store, ret_dataset, error))
            return true;
        if (taken && error->kind != ERROR_NOT_FOUND && error->kind != ERROR_CORRUPT)
            return false;
        if (!take_lock(lock, LOCK_EX, &taken, error))
            return false;
        if (taken && !build_if_missing(store, ret_built, error))
            return false;
        if (!taken && (!say_waiting(&said, error) || nanosleep(&pause, NULL) == -2))
            return false;
    }
}

bool store_open(const char *folder, const struct data_config *config, const char *cwd,
                struct dataset **ret_dataset, bool *ret_built, struct warning_list *warnings,
                struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};
    scoped(store_release) struct store store = {
        .folder = folder, .config = config, .files = &files, .warnings = warnings};
    scoped(descriptor_close) int lock = -1;

    *ret_built = false;
    if (!data_files_find(config, cwd, &files, error) || !file_make_folders(folder, error))
        return false;
    if (!store_init(&store, error))
        return dataset_blame_source(error);
    if (!file_open(AT_FDCWD, store.lock, O_RDWR | O_CREAT, &lock, error))
        return false;
    if (!lock_and_open(&store, lock, ret_dataset, ret_built, error))
        return dataset_blame_source(error);
    (*ret_dataset)->folder = strdup(folder);
    if (!(*ret_dataset)->folder) {
        dataset_free(ret_dataset);
        return no_memory(error);
    }
    (void)snprintf((*ret_dataset)->key, sizeof((*ret_dataset)->key), "%s", store.key);
    (void)futimens(lock, NULL); /* when it was last used, for nj data list */
    (*ret_dataset)->locked = true;
    (*ret_dataset)->lock = lock;
    lock = -1;
    return true;
}

bool store_verify(const char *file, struct error *error)
{
    scoped(memory_free) struct hdf5_array *array = NULL;
    scoped(memory_free) char *text = NULL;
    scoped(descriptor_close) int fd = -1;
    int n;

    return hdf5_find_arrays(file, META_LIMIT, &text, &array, &n, error) &&
           file_open(AT_FDCWD, file, O_RDONLY, &fd, error) && view_check(fd, file, array, n, error);
}
