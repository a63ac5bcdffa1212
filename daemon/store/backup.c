/* A copy of the queue through SQLite's backup interface: what is committed meanwhile goes into it.
 */
#include "daemon/store/backup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <fcntl.h>

struct store_backup {
    struct store *store; /* borrowed */
    char *path;          /* owned: of the copy */
    sqlite3 *copy;       /* owned */
    sqlite3_backup *backup;
};

void store_backup_free(struct store_backup **owner)
{
    struct store_backup *backup = *owner;

    if (!backup)
        return;
    (void)sqlite3_backup_finish(backup->backup);
    (void)sqlite3_close(backup->copy);
    free(backup->path);
    memory_free(owner);
}

static bool fail(struct store_backup *backup, int code, struct error *error)
{
    enum error_kind kind = (code & 0xff) == SQLITE_FULL ? ERROR_NO_SPACE : ERROR_IO;

    return error_set(error, kind, "%s: %s", backup->path, sqlite3_errstr(code));
}

bool store_backup_begin(struct store *store, const char *path, struct store_backup **ret_backup,
                        struct error *error)
{
    scoped(store_backup_free) struct store_backup *backup = calloc(1, sizeof(*backup));

    if (!backup || !(backup->path = strdup(path)))
        return error_set(error, ERROR_NO_MEMORY, "the backup");
    if (!file_remove_tree(AT_FDCWD, path, error)) /* of a daemon that was killed */
        return false;
    int code =
        sqlite3_open_v2(path, &backup->copy,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL);
    if (code == SQLITE_OK) /* the whole file is synced once, at its end */
        code = sqlite3_exec(backup->copy,
                            "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;"
                            "PRAGMA locking_mode = EXCLUSIVE",
                            NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return fail(backup, code, error);
    backup->store = store;
    backup->backup = sqlite3_backup_init(backup->copy, "main", store->database, "main");
    if (!backup->backup)
        return fail(backup, sqlite3_extended_errcode(backup->copy), error);
    *ret_backup = take(&backup);
    return true;
}

bool store_backup_step(struct store_backup *backup, bool *ret_done, struct error *error)
{
    int code = sqlite3_backup_step(backup->backup, STORE_BACKUP_PAGES);

    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_BUSY && code != SQLITE_LOCKED)
        return fail(backup, code, error);
    *ret_done = code == SQLITE_DONE;
    if (*ret_done) {
        code = sqlite3_backup_finish(take(&backup->backup));
        if (code != SQLITE_OK)
            return fail(backup, code, error);
    }
    return true;
}

static bool check(struct store_backup *backup, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(backup->copy, "PRAGMA quick_check(1)", -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    bool good = code == SQLITE_ROW && column_text(statement, 0) &&
                strcmp(column_text(statement, 0), "ok") == 0;
    (void)sqlite3_finalize(statement);
    return good || error_set(error, ERROR_CORRUPT, "%s: the copy is damaged", backup->path);
}

bool store_backup_seal(struct store_backup *backup, const char *name, struct error *error)
{
    scoped(descriptor_close) int fd = -1;
    /* One file without a log beside it, whatever opens it. */
    int code = sqlite3_exec(backup->copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);

    if (code != SQLITE_OK)
        return fail(backup, code, error);
    if (!check(backup, error))
        return false;
    code = sqlite3_close(take(&backup->copy));
    if (code != SQLITE_OK)
        return fail(backup, code, error);
    return file_open(AT_FDCWD, backup->path, O_RDONLY, &fd, error) && file_sync(fd, error) &&
           file_rename(AT_FDCWD, backup->path, name, error);
}
