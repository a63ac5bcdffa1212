/*
 * A copy of the open queue, made a few pages at a time: begin, step until done, seal, free. Between
 * steps the store may be used; no transaction may be open at a step.
 */
#ifndef NIGHTJAR_DAEMON_STORE_BACKUP_H
#define NIGHTJAR_DAEMON_STORE_BACKUP_H

#include "common/error.h"
#include "daemon/store/store.h"

#include <stdbool.h>

#define STORE_BACKUP_PAGES 128 /* a step: 512 KiB */

struct store_backup;

/* `path` is where it grows. */
bool store_backup_begin(struct store *store, const char *path, struct store_backup **ret_backup,
                        struct error *error);
bool store_backup_step(struct store_backup *backup, bool *ret_done, struct error *error);
/* Checks the finished copy, syncs it and gives it its name; does not touch the store, so that
 * another thread may do it. CORRUPT: the copy is damaged, and `name` is as it was. */
bool store_backup_seal(struct store_backup *backup, const char *name, struct error *error);
void store_backup_free(struct store_backup **backup);

#endif
