/*
 * Prepared data on disk: each source is imported once for all experiments that read it alike.
 *
 *   <folder>/<key>.h5      the arrays (hdf5.h), read-only; what is there is whole
 *   <folder>/<key>.lock    shared by whoever uses it, exclusive to who builds or removes it; its
 *                          time is that of the last use
 *   <folder>/<key>-<other>.fit  what was fitted on some of its rows (fitted.h)
 *   <folder>/sources/<id>  the hash of a file's content, by its device, inode, size and times
 *
 * The key is a hash of the content and of all settings that shape what is made of it.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_STORE_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_STORE_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"

#include <stdbool.h>

/* Where a run in `run_folder` has its prepared data: $NIGHTJAR_DATA, else beside the runs of its
 * home, else beside the run. */
bool store_folder(const char *run_folder, struct buffer *ret_folder, struct error *error);

/* The data set of the source, imported unless it is there already (*ret_built). Waits while
 * somebody else imports it, and says so. Errors as of dataset_import(). */
bool store_open(const char *folder, const struct data_config *config, const char *cwd,
                struct dataset **ret_dataset, bool *ret_built, struct warning_list *warnings,
                struct error *error);

/* Whether a prepared file is what was written. CORRUPT where it is not. */
bool store_verify(const char *file, struct error *error);

#endif
