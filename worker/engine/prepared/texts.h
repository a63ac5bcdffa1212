/*
 * Texts that several threads find in chunks of a file, and their codes. While the file is read
 * codes are given as chunks come; texts_settle() says which numbers they have in the order in which
 * the file has them, so that the outcome is the same with any number of threads.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_TEXTS_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_TEXTS_H

#include "common/error.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/source/source.h"

#include <stdbool.h>
#include <stdint.h>

struct texts_place { /* where a text came first */
    int64_t row;     /* the first one of its chunk */
    int32_t local;   /* its number there */
};

struct texts {             /* all-zero is a valid empty one */
    const int64_t *column; /* borrowed: the file's columns that make the text */
    int64_t n_columns;
    bool joined; /* several columns, with DICTIONARY_PART_END between; missing values are empty
                    texts */
    struct dictionary dictionary;
    struct texts_place *place; /* owned, [capacity]: of each text */
    int64_t *count;            /* owned, [capacity]: rows that have it */
    int32_t capacity;
};
void texts_release(struct texts *texts);

/* The texts of one chunk. */
struct texts_chunk {
    const int32_t *code;                 /* [n_rows], numbers of the chunk's own; -1: missing */
    const struct dictionary *dictionary; /* of those */
    int32_t *joined_code;                /* owned, as the next two */
    struct dictionary joined;
    int32_t *global; /* what texts_merge() makes of the chunk's numbers */
};
void texts_chunk_release(struct texts_chunk *chunk);

bool texts_of_chunk(const struct texts *texts, const struct source_chunk *chunk,
                    struct texts_chunk *ret_chunk, struct error *error);
/* Not for several threads at once. */
bool texts_merge(struct texts *texts, const struct source_chunk *chunk, struct texts_chunk *ret_map,
                 struct error *error);
/* Puts the texts in the order of the file. ret_new[code] (owned by the caller): what it is now. */
bool texts_settle(struct texts *texts, int32_t **ret_new, struct error *error);

#endif
