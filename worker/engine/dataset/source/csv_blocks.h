/*
 * A file of records in blocks of whole ones, read one after the other and handed out to whoever
 * asks next; where a block ends is decided by its line ends, and by its quotes where it has any.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CSV_BLOCKS_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CSV_BLOCKS_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_BLOCK_SIZE ((size_t)512 * 1024)

struct csv_block { /* all-zero is a valid empty one; refilled by each csv_blocks_next() */
    char *data;    /* owned; CSV_FIELDS_PADDING bytes are readable behind its end */
    size_t size, capacity;
    int64_t number; /* from 0 */
    int64_t line;   /* of its first byte, from 1 */
    bool plain;     /* nothing but ASCII without quotes and NUL; lines end in LF or CRLF, the last
                       one too */
};
void csv_block_release(struct csv_block *block);

struct csv_blocks;

/* The first block has at least so many lines where the file has. */
bool csv_blocks_open(const char *path, int64_t first_lines, struct csv_blocks **ret,
                     struct error *error);
void csv_blocks_free(struct csv_blocks **blocks);
/* size 0: the end. Not for several threads at once. */
bool csv_blocks_next(struct csv_blocks *blocks, struct csv_block *block, struct error *error);

#endif
