/*
 * The files of a data set: those that hold its rows, one behind the other, and those whose columns
 * are joined to them.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_FILES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_FILES_H

#include "common/error.h"
#include "common/json.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/source/source.h"

#include <stdbool.h>
#include <stddef.h>

struct data_files { /* all-zero is a valid empty one */
    char **path;    /* owned, as each: of the rows, each file once */
    char **name;    /* owned, as each: what the column "file" calls it */
    size_t n;
    char **joined; /* owned, as each: of data.join */
    size_t n_joined;
    char *text; /* owned: the files of the rows, for people */
};
void data_files_release(struct data_files *files);

/* Those of data.source and, for a split by files, of its parts, patterns expanded. INVALID where a
 * pattern matches nothing; whether a file is there shows when it is opened. */
bool data_files_find(const struct data_config *config, const char *cwd,
                     struct data_files *ret_files, struct error *error);
/* Rows of one file of another place, such as new ones. */
bool data_files_of(const struct data_config *config, const char *cwd, const char *path,
                   struct data_files *ret_files, struct error *error);

/* The paths that a text or a list of texts names. Caller owns *ret and each. */
bool data_files_expand(const char *cwd, const cJSON *said, const char *setting, char ***ret,
                       size_t *ret_n, struct error *error);
/* The number of a path; -1: none of the files. */
int64_t data_files_number(const struct data_files *files, const char *path);

/* A source of all rows with all columns. Borrows from the config and the files. */
bool data_files_open(const struct data_config *config, const struct data_files *files,
                     bool features_only, struct source **ret, struct error *error);

#endif
