/* Data sets made of sources: for this process alone, or once for all in a file (store.h). */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_PREPARED_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_PREPARED_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/prepared/import.h"

#include <stdint.h>

struct prepared_request {
    const struct data_config *config;
    const struct data_files *files;
    const struct feature_wish *wish; /* [n_wishes]; NULL: the config's features and targets */
    int64_t n_wishes;
    const char *folder; /* of temporary files; NULL: memory */
    struct warning_list *warnings;
};

/* Imports; the arrays are the target's. */
bool prepared_import(const struct prepared_request *request, const struct import_target *target,
                     struct import_arrays *ret_arrays, struct error *error);
/* The same into memory, or of a large source into a file that vanishes with the process, as a data
 * set. */
bool prepared_in_memory(const struct prepared_request *request, struct dataset **ret_dataset,
                        struct error *error);

#endif
