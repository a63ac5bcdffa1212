/* What a file holds, as a name for it. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_CONTENT_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_CONTENT_H

#include "common/error.h"
#include "common/hash.h"

/* XXH3-128 of the XXH3-128 of every 256 KiB of the file, which as many threads read as the run has.
 * Only of a regular file. */
bool content_hash(const char *path, char ret_text[HASH_TEXT_SIZE], struct error *error);

#endif
