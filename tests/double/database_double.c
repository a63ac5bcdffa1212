/*
 * For each file: the content that is durable, and what was done since in order. A sync of the file
 * makes all of it durable, a sync of the folder what was removed from it. SQLite removes a rollback
 * journal without that: until the folder is synced a cut may bring it back, and it takes the
 * database back with it.
 */
#include "tests/double/database_double.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/file.h"
#include "common/random.h"

#define FILE_LIMIT 8
#define SECTOR 512

enum deed { DEED_WRITE, DEED_TRUNCATE, DEED_REMOVE };

struct pending {
    enum deed deed;
    int64_t offset; /* of a truncation: the size */
    int size;
    char *data; /* owned; NULL: not a write */
};

struct content {
    bool exists;
    char *data; /* owned */
    int64_t size, capacity;
};

struct known {
    char path[256];
    struct content durable;
    struct pending *pending; /* owned */
    size_t n_pending;
};

/* What SQLite sees as an open file; the real one lies behind it. */
struct double_file {
    sqlite3_file base;
    struct known *known; /* NULL: a temporary file, passed through */
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct file_system file_system;
    const struct file_system *real_file_system;
    struct known file[FILE_LIMIT];
    size_t n_files;
    int64_t n_calls, fault_at;
    enum database_double_fault fault;
    bool met;
} disk;

static void die(const char *what)
{
    fprintf(stderr, "database_double: %s\n", what);
    abort();
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct double_file *)file)->real;
}

/* ---- what is durable ---- */

static void content_resize(struct content *content, int64_t size)
{
    if (size >= content->capacity) {
        content->capacity = 2 * size + 1;
        content->data = realloc(content->data, (size_t)content->capacity);
    }
    if (!content->data)
        die("memory");
    if (size > content->size)
        memset(content->data + content->size, 0, (size_t)(size - content->size));
    content->size = size;
}

static void content_write(struct content *content, int64_t offset, const char *data, int64_t size)
{
    if (offset + size > content->size || !content->data)
        content_resize(content, offset + size);
    memcpy(content->data + offset, data, (size_t)size);
    content->exists = true;
}

static void content_remove(struct content *content)
{
    free(content->data);
    *content = (struct content){0};
}

static void do_deed(struct content *content, const struct pending *pending)
{
    if (pending->deed == DEED_WRITE)
        content_write(content, pending->offset, pending->data, pending->size);
    else if (pending->deed == DEED_REMOVE)
        content_remove(content);
    else if (pending->offset < content->size)
        content_resize(content, pending->offset);
}

static void forget_pending(struct known *known)
{
    for (size_t i = 0; i < known->n_pending; i++)
        free(known->pending[i].data);
    free(known->pending);
    known->pending = NULL;
    known->n_pending = 0;
}

/* The first n of what is pending; the rest stays. */
static void make_durable(struct known *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        do_deed(&known->durable, &known->pending[i]);
        free(known->pending[i].data);
    }
    known->n_pending -= n;
    for (size_t i = 0; n > 0 && i < known->n_pending; i++)
        known->pending[i] = known->pending[i + n];
}

static void make_removals_durable(struct known *known)
{
    size_t n = known->n_pending;

    while (n > 0 && known->pending[n - 1].deed != DEED_REMOVE)
        n--;
    make_durable(known, n);
}

static void add_pending(struct known *known, struct pending pending, const void *data)
{
    struct pending *grown =
        realloc(known->pending, (known->n_pending + 1) * sizeof(*known->pending));

    if (data) {
        pending.data = malloc((size_t)pending.size);
        if (pending.data)
            memcpy(pending.data, data, (size_t)pending.size);
    }
    if (!grown || (data && !pending.data))
        die("memory");
    known->pending = grown;
    known->pending[known->n_pending++] = pending;
}

static void read_content(const char *path, struct content *content)
{
    FILE *file = fopen(path, "rbe");
    char part[4096];
    size_t n;

    if (!file)
        return;
    content->exists = true;
    while ((n = fread(part, 1, sizeof(part), file)) > 0)
        content_write(content, content->size, part, (int64_t)n);
    (void)fclose(file);
}

/* What lies there when a file is first heard of is durable. */
static struct known *know(const char *path)
{
    for (size_t i = 0; i < disk.n_files; i++)
        if (strcmp(disk.file[i].path, path) == 0)
            return &disk.file[i];
    if (disk.n_files == FILE_LIMIT || strlen(path) >= sizeof(disk.file[0].path))
        die("files");
    struct known *known = &disk.file[disk.n_files++];
    *known = (struct known){0};
    (void)snprintf(known->path, sizeof(known->path), "%s", path);
    read_content(path, &known->durable);
    return known;
}

/* ---- the calls ---- */

/* Counts a call; SQLITE_OK: it may be done. */
static int verdict(int failure)
{
    int64_t call = disk.n_calls++;
    bool dead = disk.fault == DATABASE_DOUBLE_DEAD && call > disk.fault_at;

    if (disk.fault_at < 0 || (call != disk.fault_at && !dead))
        return SQLITE_OK;
    disk.met = true;
    return disk.fault == DATABASE_DOUBLE_FULL ? SQLITE_FULL : failure;
}

static int double_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int double_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, size, offset);
}

static int double_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct known *known = ((struct double_file *)file)->known;
    int code = known ? verdict(SQLITE_IOERR_WRITE) : SQLITE_OK;

    if (code == SQLITE_OK)
        code = real_of(file)->pMethods->xWrite(real_of(file), data, size, offset);
    if (code == SQLITE_OK && known)
        add_pending(known, (struct pending){DEED_WRITE, offset, size, NULL}, data);
    return code;
}

static int double_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct known *known = ((struct double_file *)file)->known;
    int code = known ? verdict(SQLITE_IOERR_TRUNCATE) : SQLITE_OK;

    if (code == SQLITE_OK)
        code = real_of(file)->pMethods->xTruncate(real_of(file), size);
    if (code == SQLITE_OK && known)
        add_pending(known, (struct pending){.deed = DEED_TRUNCATE, .offset = size}, NULL);
    return code;
}

/* What is synced need not go to the real disk. */
static int double_sync(sqlite3_file *file, int flags)
{
    struct known *known = ((struct double_file *)file)->known;
    int code = known ? verdict(SQLITE_IOERR_FSYNC) : SQLITE_OK;

    (void)flags;
    if (code == SQLITE_OK && known)
        make_durable(known, known->n_pending);
    return code;
}

static int double_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int double_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int double_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int double_check_lock(sqlite3_file *file, int *ret_locked)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_locked);
}

static int double_control(sqlite3_file *file, int code, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), code, argument);
}

static int double_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int double_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods double_methods = {
    .iVersion = 1, /* no shared memory, no mapping: the store does without */
    .xClose = double_close,
    .xRead = double_read,
    .xWrite = double_write,
    .xTruncate = double_truncate,
    .xSync = double_sync,
    .xFileSize = double_size,
    .xLock = double_lock,
    .xUnlock = double_unlock,
    .xCheckReservedLock = double_check_lock,
    .xFileControl = double_control,
    .xSectorSize = double_sector,
    .xDeviceCharacteristics = double_traits,
};

static int double_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                       int *ret_flags)
{
    struct double_file *opened = (struct double_file *)file;
    bool temporary = !path || flags & SQLITE_OPEN_DELETEONCLOSE;

    (void)vfs;
    opened->known = temporary ? NULL : know(path);
    opened->real = (sqlite3_file *)(void *)(opened + 1);
    opened->base.pMethods = NULL;
    int code = disk.real->xOpen(disk.real, path, opened->real, flags, ret_flags);
    if (code == SQLITE_OK)
        opened->base.pMethods = &double_methods;
    return code;
}

static int double_delete(sqlite3_vfs *vfs, const char *path, int durably)
{
    struct known *known = know(path);

    (void)vfs;
    int code = verdict(SQLITE_IOERR_DELETE);
    if (code == SQLITE_OK)
        code = disk.real->xDelete(disk.real, path, 0);
    if (code == SQLITE_OK)
        add_pending(known, (struct pending){.deed = DEED_REMOVE}, NULL);
    if (code == SQLITE_OK && durably)
        make_durable(known, known->n_pending);
    return code;
}

/* Of the folder: all other files that we know SQLite syncs. */
static int double_fsync(int fd)
{
    (void)fd;
    if (verdict(SQLITE_IOERR_FSYNC) != SQLITE_OK) {
        errno = EIO;
        return -1;
    }
    for (size_t i = 0; i < disk.n_files; i++)
        make_removals_durable(&disk.file[i]);
    return 0;
}

/* ---- the controls ---- */

void database_double_heal(void)
{
    disk.n_calls = 0;
    disk.fault_at = -1;
    disk.met = false;
}

void database_double_start(void)
{
    assert(!disk.real);
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "double";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct double_file) + disk.real->szOsFile;
    disk.vfs.xOpen = double_open;
    disk.vfs.xDelete = double_delete;
    if (sqlite3_vfs_register(&disk.vfs, 1) != SQLITE_OK)
        die("registering");
    disk.file_system = file_system_real;
    disk.file_system.fsync = double_fsync;
    disk.real_file_system = file_system_use(&disk.file_system);
    database_double_heal();
}

static void forget_files(void)
{
    while (disk.n_files > 0) {
        struct known *known = &disk.file[--disk.n_files];
        forget_pending(known);
        content_remove(&known->durable);
    }
}

void database_double_stop(void)
{
    (void)file_system_use(disk.real_file_system);
    (void)sqlite3_vfs_unregister(&disk.vfs);
    (void)sqlite3_vfs_register(disk.real, 1);
    disk.real = NULL;
    forget_files();
}

void database_double_fail(int64_t call, enum database_double_fault fault)
{
    disk.fault_at = call;
    disk.fault = fault;
}

int64_t database_double_calls(void)
{
    return disk.n_calls;
}

bool database_double_met(void)
{
    return disk.met;
}

struct dice {
    uint64_t seed, thrown;
};

static bool toss(struct dice *dice)
{
    return random_below(dice->seed, dice->thrown++, 0, random_purpose("tear", ""), 2) == 0;
}

/* Some sectors of a write, in any combination. */
static void tear(struct content *content, const struct pending *pending, struct dice *dice)
{
    for (int at = 0; at < pending->size; at += SECTOR) {
        int size = pending->size - at < SECTOR ? pending->size - at : SECTOR;

        if (toss(dice))
            content_write(content, pending->offset + at, pending->data + at, size);
    }
}

static void write_content(const char *path, const struct content *content)
{
    (void)unlink(path);
    if (!content->exists)
        return;
    FILE *file = fopen(path, "wbe");
    if (!file || fwrite(content->data ? content->data : "", 1, (size_t)content->size, file) !=
                     (size_t)content->size)
        die(path);
    (void)fclose(file);
}

static void cut_file(struct known *known, enum database_double_cut cut, struct dice *dice)
{
    for (size_t i = 0; i < known->n_pending && cut != DATABASE_DOUBLE_FORGET; i++) {
        if (cut != DATABASE_DOUBLE_KEEP && known->pending[i].deed == DEED_WRITE)
            tear(&known->durable, &known->pending[i], dice);
        else if (cut == DATABASE_DOUBLE_KEEP || toss(dice))
            do_deed(&known->durable, &known->pending[i]);
    }
    write_content(known->path, &known->durable);
}

void database_double_cut_power(enum database_double_cut cut, uint64_t seed)
{
    struct dice dice = {.seed = seed};

    for (size_t i = 0; i < disk.n_files; i++)
        cut_file(&disk.file[i], cut, &dice);
    forget_files();
    database_double_heal();
}

/* ---- memory ---- */

static void *allocate(int size)
{
    return malloc((size_t)size);
}

static void *reallocate(void *pointer, int size)
{
    return realloc(pointer, (size_t)size);
}

static int size_of(void *pointer)
{
    return (int)malloc_usable_size(pointer);
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int begin(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void end(void *context)
{
    (void)context;
}

bool database_double_use_malloc(void)
{
    static const sqlite3_mem_methods methods = {.xMalloc = allocate,
                                                .xFree = free,
                                                .xRealloc = reallocate,
                                                .xSize = size_of,
                                                .xRoundup = round_up,
                                                .xInit = begin,
                                                .xShutdown = end};

    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK;
}
