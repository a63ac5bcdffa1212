#include "daemon/store/gather.h"

#include <sqlite3.h>
#include <string.h>

#include "common/buffer.h"

/* https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log" */
#define FRAME_HEADER_SIZE 24
#define FRAME_COMMIT_AT 4 /* in it: 4 bytes, not 0 in the frame that commits */

/* Bytes that are written together at most; SQLite's own write takes less than 128 KiB at once. */
#define GATHERED_LIMIT (64 * 1024)

/* The log as SQLite sees it; the real file lies behind it. */
struct gathering {
    sqlite3_file base;
    sqlite3_file *real;
    struct buffer held; /* not written yet; owned */
    sqlite3_int64 at;   /* where `held` belongs */
    bool commits;       /* the last frame's header says so: its page is still to come */
};

static struct gathering *gathering_of(sqlite3_file *file)
{
    return (struct gathering *)file;
}

/* What could not be written is still held. */
static int hand_over(struct gathering *gathering)
{
    sqlite3_file *real = gathering->real;
    struct buffer *held = &gathering->held;

    if (held->size == 0)
        return SQLITE_OK;
    int code = real->pMethods->xWrite(real, held->data, (int)held->size, gathering->at);
    if (code == SQLITE_OK)
        buffer_clear(held);
    return code;
}

static bool is_commit_header(const void *data, int size)
{
    static const char none[4];

    return size == FRAME_HEADER_SIZE &&
           memcmp((const char *)data + FRAME_COMMIT_AT, none, sizeof(none)) != 0;
}

/* Room for what goes to `offset`. What does not follow on goes to the file behind what is held, so
 * that all is written in SQLite's order: it begins again at an earlier place after a transaction
 * that was taken back, or where all of the log is in the database; and within a transaction that is
 * larger than its cache it writes pages anew where they stand, and headers of frames. */
static int make_room(struct gathering *gathering, int size, sqlite3_int64 offset)
{
    struct buffer *held = &gathering->held;
    sqlite3_int64 end = gathering->at + (sqlite3_int64)held->size;
    int code = SQLITE_OK;

    if (offset != end || held->size + (size_t)size > GATHERED_LIMIT)
        code = hand_over(gathering);
    if (code == SQLITE_OK && held->size == 0)
        gathering->at = offset;
    return code;
}

static int add(struct gathering *gathering, const void *data, int size, sqlite3_int64 offset)
{
    bool complete = gathering->commits;
    struct error error;
    int code = make_room(gathering, size, offset);

    if (code != SQLITE_OK)
        return code;
    if (!buffer_append(&gathering->held, data, (size_t)size, &error))
        return SQLITE_IOERR_NOMEM;
    gathering->commits = is_commit_header(data, size);
    return complete ? hand_over(gathering) : SQLITE_OK;
}

/* A write that fails ends the transaction. What is held of it must not reach the file later: with
 * the frame that commits, a restart would bring back what was refused. */
static int gather_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct gathering *gathering = gathering_of(file);
    int code = add(gathering, data, size, offset);

    if (code != SQLITE_OK) {
        buffer_clear(&gathering->held);
        gathering->commits = false;
    }
    return code;
}

/* What was committed before can be read whatever becomes of what is held. */
static int gather_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    struct gathering *gathering = gathering_of(file);
    sqlite3_file *real = gathering->real;
    int code = offset + size > gathering->at ? hand_over(gathering) : SQLITE_OK;

    return code == SQLITE_OK ? real->pMethods->xRead(real, data, size, offset) : code;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = gathering_of(file)->real;
    int code = hand_over(gathering_of(file));

    return code == SQLITE_OK ? real->pMethods->xTruncate(real, size) : code;
}

static int gather_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *real = gathering_of(file)->real;
    int code = hand_over(gathering_of(file));

    return code == SQLITE_OK ? real->pMethods->xSync(real, flags) : code;
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    sqlite3_file *real = gathering_of(file)->real;
    int code = hand_over(gathering_of(file));

    return code == SQLITE_OK ? real->pMethods->xFileSize(real, ret_size) : code;
}

/* What is held then was never committed. */
static int gather_close(sqlite3_file *file)
{
    sqlite3_file *real = gathering_of(file)->real;

    buffer_release(&gathering_of(file)->held);
    return real->pMethods->xClose(real);
}

static int gather_lock(sqlite3_file *file, int level)
{
    sqlite3_file *real = gathering_of(file)->real;

    return real->pMethods->xLock(real, level);
}

static int gather_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *real = gathering_of(file)->real;

    return real->pMethods->xUnlock(real, level);
}

static int gather_check_lock(sqlite3_file *file, int *ret_locked)
{
    sqlite3_file *real = gathering_of(file)->real;

    return real->pMethods->xCheckReservedLock(real, ret_locked);
}

static int gather_control(sqlite3_file *file, int what, void *argument)
{
    sqlite3_file *real = gathering_of(file)->real;

    return real->pMethods->xFileControl(real, what, argument);
}

static int gather_sector(sqlite3_file *file)
{
    sqlite3_file *real = gathering_of(file)->real;

    return real->pMethods->xSectorSize(real);
}

static int gather_traits(sqlite3_file *file)
{
    sqlite3_file *real = gathering_of(file)->real;

    return real->pMethods->xDeviceCharacteristics(real);
}

static const sqlite3_io_methods gather_methods = {
    .iVersion = 1, /* shared memory and mapped pages are the database's, never the log's */
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_check_lock,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector,
    .xDeviceCharacteristics = gather_traits,
};

/* ---- the file system ---- */

static int gather_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                       int *ret_flags)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    struct gathering *gathering = gathering_of(file);

    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return real->xOpen(real, path, file, flags, ret_flags);
    *gathering = (struct gathering){.real = (sqlite3_file *)(void *)(gathering + 1)};
    int code = real->xOpen(real, path, gathering->real, flags, ret_flags);
    if (code == SQLITE_OK)
        gathering->base.pMethods = &gather_methods;
    return code;
}

bool gather_register(const char **ret_name, struct error *error)
{
    static sqlite3_vfs vfs;
    sqlite3_vfs *next = vfs.pNext; /* SQLite's list runs through it once it is registered */
    const sqlite3_vfs *real = sqlite3_vfs_find(NULL);

    if (!real)
        return error_set(error, ERROR_NO_MEMORY, "SQLite's file system");
    vfs = *real;
    vfs.pNext = next;
    vfs.zName = "gather";
    vfs.szOsFile = (int)sizeof(struct gathering) + real->szOsFile;
    vfs.xOpen = gather_open;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        return error_set(error, ERROR_NO_MEMORY, "SQLite's file system");
    *ret_name = vfs.zName;
    return true;
}
