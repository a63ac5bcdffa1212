/*
 * What a folder of prepared data (store.h) holds, for nj data list, clean and verify: a line of
 * JSON in,
 *   {"do":"list"|"clean"|"verify", "folder", "keys":[...], "all", "older_s", "dry_run"}
 * and one out,
 *   {"folder", "data":[{"key", "source", "rows", "recordings", "bytes", "built", "used", "in_use",
 *    "chosen", "removed"|"error"}], "bytes", "freed", "damaged"}.
 * Keys may be cut to a beginning that only one has. Times are seconds since 1970.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_CATALOGUE_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_CATALOGUE_H

#include "common/error.h"

#include <stdio.h>

/* What a running experiment uses stays, whatever is asked. NOT_FOUND: no data have such a key.
 * Data that are damaged are no failure: the answer says so. */
bool catalogue_answer(FILE *in, FILE *out, struct error *error);

#endif
