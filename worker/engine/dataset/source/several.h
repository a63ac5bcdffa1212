/* Several files of the same columns as one source: their rows one behind the other, numbered
 * through, as are the recordings that a format counts, and one more column that says which file a
 * row is from. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_SEVERAL_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_SEVERAL_H

#include "worker/engine/dataset/source/source.h"

struct several_request { /* borrowed until the source is freed, path, name and text too */
    char *const *path;
    char *const *name; /* what the column calls each */
    size_t n;
    const char *text; /* what messages call all of them */
};

/* `request`: how each is read; its path is not. INVALID where formats or columns differ, once the
 * source is profiled or guessed. */
bool several_open(const struct source_request *request, const struct several_request *files,
                  struct source **ret, struct error *error);

#endif
