#include "worker/engine/prepared/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/hdf5.h"
#include "worker/engine/prepared/store.h"

#define META_LIMIT ((size_t)256 * 1024 * 1024)
#define SOURCES "sources"

struct catalogue {
    cJSON *request; /* owned */
    const char *what, *folder;
    bool dry_run, clean, verify;
    time_t before;         /* only what was last used by then; 0: whatever */
    struct dirent **entry; /* owned, as each: of the folder, by name */
    int n_entries;
    cJSON *data; /* borrowed from the answer */
    int64_t bytes, freed, damaged;
};

static void catalogue_release(struct catalogue *at)
{
    for (int i = 0; i < at->n_entries; i++)
        free(at->entry[i]);
    free(at->entry);
    json_free(&at->request);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "listing prepared data");
}

/* ---- what is asked ----------------------------------------------------------------------------*/

static bool read_request(struct catalogue *at, FILE *in, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    size_t room = 0;
    ssize_t size = getline(&text, &room, in);
    double older;

    if (size < 0)
        return error_set(error, ERROR_INVALID, "expected a line of JSON");
    if (!json_parse(text, (size_t)size, &at->request, error))
        return false;
    at->what = json_text(at->request, "do", "");
    at->folder = json_text(at->request, "folder", NULL);
    at->clean = strcmp(at->what, "clean") == 0;
    at->verify = strcmp(at->what, "verify") == 0;
    at->dry_run = json_boolean(at->request, "dry_run", false);
    older = json_number(at->request, "older_s", 0);
    at->before = older > 0 ? time(NULL) - (time_t)older : 0;
    if (!at->folder || (!at->clean && !at->verify && strcmp(at->what, "list") != 0))
        return error_set(error, ERROR_INVALID, "nothing that can be done is asked");
    return true;
}

static int has_ending(const char *name, const char *ending)
{
    size_t size = strlen(name), n = strlen(ending);

    return size > n && strcmp(name + size - n, ending) == 0;
}

static bool list_folder(struct catalogue *at, struct error *error)
{
    at->n_entries = scandir(at->folder, &at->entry, NULL, alphasort);
    if (at->n_entries >= 0)
        return true;
    at->n_entries = 0;
    return errno == ENOENT || error_set_errno(error, errno, "%s", at->folder);
}

/* The data whose key begins so; NULL: none, or several. */
static const char *find_key(const struct catalogue *at, const char *begin, int *ret_n)
{
    const char *found = NULL;

    *ret_n = 0;
    for (int i = 0; i < at->n_entries; i++)
        if (has_ending(at->entry[i]->d_name, ".h5") &&
            strncmp(at->entry[i]->d_name, begin, strlen(begin)) == 0) {
            found = at->entry[i]->d_name;
            ++*ret_n;
        }
    return *ret_n == 1 ? found : NULL;
}

static bool check_keys(const struct catalogue *at, struct error *error)
{
    const cJSON *key;
    int n;

    cJSON_ArrayForEach(key, json_member(at->request, "keys"))
    {
        if (!cJSON_IsString(key) || (!find_key(at, key->valuestring, &n) && n == 0))
            return error_set(error, ERROR_NOT_FOUND, "%s: no data have the key '%s'", at->folder,
                             cJSON_IsString(key) ? key->valuestring : "");
        if (n > 1)
            return error_set(error, ERROR_INVALID, "'%s' begins the keys of %d data sets",
                             key->valuestring, n);
    }
    return true;
}

static bool is_named(const struct catalogue *at, const char *name)
{
    const cJSON *key, *keys = json_member(at->request, "keys");
    bool named = cJSON_GetArraySize(keys) == 0;

    cJSON_ArrayForEach(key, keys)
    {
        named = named || strncmp(name, key->valuestring, strlen(key->valuestring)) == 0;
    }
    return named;
}

/* ---- one data set -----------------------------------------------------------------------------*/

struct item {
    char key[HASH_TEXT_SIZE + 8];
    char *file; /* owned: paths */
    char *lock;
    int64_t bytes; /* with all that belongs to it */
    time_t built, used;
    int fd; /* owned: of the lock, which is held while something is done; -1: none */
    bool in_use;
};

static void item_release(struct item *item)
{
    free(item->file);
    free(item->lock);
    descriptor_close(&item->fd);
}

static int64_t size_of(const struct stat *status)
{
    return (int64_t)status->st_blocks * 512;
}

static bool belongs(const char *name, const char *key)
{
    size_t n = strlen(key);

    return strncmp(name, key, n) == 0 && (name[n] == '.' || name[n] == '-') &&
           !has_ending(name, ".lock");
}

/* The exclusive lock tells whether somebody uses the data; it is kept where they may go. */
static bool take_item(const struct catalogue *at, const char *name, struct item *item,
                      struct error *error)
{
    struct stat status;
    scoped(descriptor_close) int folder = open(at->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)snprintf(item->key, sizeof(item->key), "%.*s", (int)strlen(name) - 3, name);
    if (asprintf(&item->file, "%s/%s", at->folder, name) < 0 ||
        asprintf(&item->lock, "%s/%s.lock", at->folder, item->key) < 0)
        return no_memory(error);
    if (folder < 0 || stat(item->file, &status) != 0)
        return error_set_errno(error, errno, "%s", item->file);
    item->built = item->used = status.st_mtime;
    if (stat(item->lock, &status) == 0)
        item->used = status.st_mtime;
    if (!file_open(AT_FDCWD, item->lock, O_RDWR | O_CREAT, &item->fd, error))
        return false;
    item->in_use = flock(item->fd, LOCK_EX | LOCK_NB) != 0;
    if (!at->clean) /* nobody waits while data are read */
        (void)flock(item->fd, LOCK_SH | LOCK_NB);
    for (int i = 0; i < at->n_entries; i++)
        if (belongs(at->entry[i]->d_name, item->key) &&
            fstatat(folder, at->entry[i]->d_name, &status, 0) == 0)
            item->bytes += size_of(&status);
    return true;
}

/* Whatever begins with its key but the lock, which somebody may be waiting for. */
static bool remove_item(const struct catalogue *at, const struct item *item, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};

    for (int i = 0; i < at->n_entries; i++) {
        const char *name = at->entry[i]->d_name;

        buffer_clear(&path);
        if (!belongs(name, item->key))
            continue;
        if (!buffer_append_format(&path, error, "%s/%s", at->folder, name))
            return false;
        if (unlink(path.data) != 0 && errno != ENOENT)
            return error_set_errno(error, errno, "%s", path.data);
    }
    return true;
}

static bool add_meta(const struct item *item, cJSON *object)
{
    scoped(memory_free) struct hdf5_array *array = NULL;
    scoped(memory_free) char *text = NULL;
    scoped(json_free) cJSON *meta = NULL;
    struct error unreadable = {0};
    int n;

    if (!hdf5_find_arrays(item->file, META_LIMIT, &text, &array, &n, &unreadable) ||
        !json_parse(text, strlen(text), &meta, &unreadable))
        return json_add_text(object, "error", unreadable.message);
    return json_add_text(object, "source", json_text(meta, "source", "")) &&
           json_add_integer(object, "rows", json_integer(meta, "rows", 0)) &&
           json_add_integer(object, "recordings", json_integer(meta, "recordings", 0));
}

static bool clean_item(struct catalogue *at, const struct item *item, cJSON *object,
                       struct error *error)
{
    bool gone = !item->in_use;

    if (gone && !at->dry_run && !remove_item(at, item, error))
        return false;
    at->freed += gone ? item->bytes : 0;
    return json_add_boolean(object, "removed", gone && !at->dry_run) || no_memory(error);
}

static bool verify_item(struct catalogue *at, const struct item *item, cJSON *object,
                        struct error *error)
{
    struct error damage = {0};

    if (json_member(object, "error")) {
        at->damaged++;
        return true;
    }
    if (store_verify(item->file, &damage))
        return true;
    if (damage.kind != ERROR_CORRUPT)
        return *error = damage, false;
    at->damaged++;
    return json_add_text(object, "error", damage.message) || no_memory(error);
}

static bool answer_item(struct catalogue *at, const char *name, struct error *error)
{
    scoped(item_release) struct item item = {.fd = -1};
    cJSON *object = cJSON_CreateObject();
    bool chosen;

    if (!object || !cJSON_AddItemToArray(at->data, object))
        return no_memory(error);
    if (!take_item(at, name, &item, error))
        return false;
    chosen = is_named(at, name) && (at->before == 0 || item.used <= at->before);
    at->bytes += item.bytes;
    if (!json_add_text(object, "key", item.key) || !add_meta(&item, object) ||
        !json_add_integer(object, "bytes", item.bytes) ||
        !json_add_integer(object, "built", (int64_t)item.built) ||
        !json_add_integer(object, "used", (int64_t)item.used) ||
        !json_add_boolean(object, "in_use", item.in_use) ||
        !json_add_boolean(object, "chosen", chosen))
        return no_memory(error);
    if (chosen && at->clean)
        return clean_item(at, &item, object, error);
    return !chosen || !at->verify || verify_item(at, &item, object, error);
}

/* ---- what belongs to none ---------------------------------------------------------------------*/

static bool has_data(const struct catalogue *at, const char *name)
{
    char begin[HASH_TEXT_SIZE];
    int n;

    (void)snprintf(begin, sizeof(begin), "%s", name);
    return strlen(begin) == HASH_TEXT_SIZE - 1 && find_key(at, begin, &n) && n == 1;
}

/* A file that an import left half-way, unless it is under way. */
static bool is_left(const struct catalogue *at, const char *name)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(descriptor_close) int fd = -1;
    struct error ignored;
    struct stat status;

    if (has_ending(name, ".fit"))
        return !has_data(at, name);
    if (!has_ending(name, ".new") || has_data(at, name))
        return false;
    if (!buffer_append_format(&path, &ignored, "%s/%.*s.lock", at->folder, (int)strlen(name) - 4,
                              name))
        return false;
    if (stat(path.data, &status) != 0)
        return true;
    return file_open(AT_FDCWD, path.data, O_RDWR, &fd, &ignored) &&
           flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Removes the file where it is as old as asked for. */
static void clean_file(struct catalogue *at, const char *folder, const char *name)
{
    scoped(buffer_release) struct buffer path = {0};
    struct error ignored;
    struct stat status;

    if (!buffer_append_format(&path, &ignored, "%s/%s", folder, name) ||
        stat(path.data, &status) != 0 || !S_ISREG(status.st_mode) ||
        (at->before != 0 && status.st_mtime > at->before))
        return;
    if (at->dry_run || unlink(path.data) == 0)
        at->freed += size_of(&status);
}

/* Notes of what files held, which are made again where they are missed. */
static bool clean_notes(struct catalogue *at, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    DIR *folder;

    if (!buffer_append_format(&path, error, "%s/%s", at->folder, SOURCES))
        return false;
    folder = opendir(path.data);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        clean_file(at, path.data, entry->d_name);
    if (folder)
        (void)closedir(folder);
    return true;
}

static bool clean_rest(struct catalogue *at, struct error *error)
{
    if (!at->clean || cJSON_GetArraySize(json_member(at->request, "keys")) > 0)
        return true;
    for (int i = 0; i < at->n_entries; i++)
        if (is_left(at, at->entry[i]->d_name))
            clean_file(at, at->folder, at->entry[i]->d_name);
    return clean_notes(at, error);
}

/* ---- the whole --------------------------------------------------------------------------------*/

static bool answer_all(struct catalogue *at, cJSON *answer, struct error *error)
{
    if (!json_add_text(answer, "folder", at->folder) ||
        !(at->data = json_add_array(answer, "data")))
        return no_memory(error);
    for (int i = 0; i < at->n_entries; i++)
        if (has_ending(at->entry[i]->d_name, ".h5") &&
            !answer_item(at, at->entry[i]->d_name, error))
            return false;
    return clean_rest(at, error) && ((json_add_integer(answer, "bytes", at->bytes) &&
                                      json_add_integer(answer, "freed", at->freed) &&
                                      json_add_integer(answer, "damaged", at->damaged)) ||
                                     no_memory(error));
}

bool catalogue_answer(FILE *in, FILE *out, struct error *error)
{
    scoped(catalogue_release) struct catalogue at = {0};
    scoped(json_free) cJSON *answer = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};

    if (!answer)
        return no_memory(error);
    if (!read_request(&at, in, error) || !list_folder(&at, error) || !check_keys(&at, error) ||
        !answer_all(&at, answer, error) || !json_print(answer, &text, error))
        return false;
    return fprintf(out, "%s\n", text.data) > 0 ||
           error_set_errno(error, errno, "writing the answer");
}
