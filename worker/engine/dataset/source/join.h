/* Columns of another table, looked up by a key for each row of a source: data.join. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_JOIN_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_JOIN_H

#include "worker/engine/dataset/source/source.h"

extern const struct kind_registry join_registry;

/* The file that holds the other table, as it was given. */
const char *join_source_of(const struct kind_choice *join);

/* Replaces *source, which it owns from now on, by one that has the columns of data.join[number],
 * read from `path`, too. Borrows the choice. The other table is held in memory while rows are read.
 * INVALID where a row finds no partner, or a key stands twice, unless the settings say what then.
 * `last`: none of data.join follows, so that a column of data.dates that no table has is a mistake.
 */
bool join_open(const struct kind_choice *join, size_t number, bool last, const char *path,
               struct source **source, struct error *error);

#endif
