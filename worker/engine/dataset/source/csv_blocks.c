#include "worker/engine/dataset/source/csv_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/source/csv_fields.h"
#include "worker/engine/dataset/source/stream.h"

struct csv_blocks {
    char *path;            /* owned */
    struct stream *stream; /* owned */
    char *rest;            /* owned: of the last read, what belongs to the next block */
    size_t n_rest, rest_capacity;
    int64_t number, line, first_lines;
    bool at_end;
};

void csv_block_release(struct csv_block *block)
{
    free(block->data);
    *block = (struct csv_block){0};
}

void csv_blocks_free(struct csv_blocks **blocks)
{
    struct csv_blocks *gone = *blocks;

    if (!gone)
        return;
    stream_free(&gone->stream);
    free(gone->rest);
    free(gone->path);
    free(gone);
    *blocks = NULL;
}

static bool no_memory(const struct csv_blocks *blocks, struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading %s", blocks->path);
}

bool csv_blocks_open(const char *path, int64_t first_lines, struct csv_blocks **ret,
                     struct error *error)
{
    scoped(csv_blocks_free) struct csv_blocks *blocks = calloc(1, sizeof(*blocks));

    if (!blocks || !(blocks->path = strdup(path)))
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    blocks->line = 1;
    blocks->first_lines = first_lines;
    if (!stream_open(path, &blocks->stream, error))
        return false;
    *ret = take(&blocks);
    return true;
}

static bool make_room(const struct csv_blocks *blocks, struct csv_block *block, size_t capacity,
                      struct error *error)
{
    char *data;

    if (capacity <= block->capacity)
        return true;
    data = realloc(block->data, capacity + CSV_FIELDS_PADDING + 1);
    if (!data)
        return no_memory(blocks, error);
    block->data = data;
    block->capacity = capacity;
    return true;
}

/* Where the last record that is whole ends; 0: none is. */
static size_t whole_records(const char *data, size_t size)
{
    const char *last = data ? memrchr(data, '\n', size) : NULL;
    size_t end = 0;
    bool quoted = false;

    if (!last) { /* lines that end in CR alone; one at the very end might be half a CRLF */
        last = data && size > 1 ? memrchr(data, '\r', size - 1) : NULL;
        return last && !memchr(data, '"', size) ? (size_t)(last - data) + 1 : 0;
    }
    if (!memchr(data, '"', size))
        return (size_t)(last - data) + 1;
    for (size_t i = 0; i < size; i++) {
        quoted ^= data[i] == '"';
        if (data[i] == '\n' && !quoted)
            end = i + 1;
    }
    return end;
}

struct census {
    int64_t n_lines;
    bool plain;
};

/* CRs that are no part of a CRLF. */
static int64_t count_lone_returns(const char *data, size_t size)
{
    const char *end = data + size, *at = data;
    int64_t n = 0;

    for (; at < end && (at = memchr(at, '\r', (size_t)(end - at))); at++)
        n += at[1] != '\n';
    return n;
}

static struct census look(const char *data, size_t size)
{
    const struct csv_census census = csv_fields_count(data, size);
    int64_t n_lone = census.returns ? count_lone_returns(data, size) : 0;

    return (struct census){.n_lines = census.n_newlines + n_lone,
                           .plain = n_lone == 0 && !census.others};
}

static bool keep_rest(struct csv_blocks *blocks, const char *data, size_t size, struct error *error)
{
    if (size > blocks->rest_capacity) {
        free(blocks->rest);
        blocks->rest = malloc(size * 2);
        blocks->rest_capacity = blocks->rest ? size * 2 : 0;
        if (!blocks->rest)
            return no_memory(blocks, error);
    }
    if (size > 0)
        memcpy(blocks->rest, data, size);
    blocks->n_rest = size;
    return true;
}

static bool read_more(struct csv_blocks *blocks, struct csv_block *block, struct error *error)
{
    size_t got;

    if (block->size > CSV_RECORD_LIMIT)
        return error_set(error, ERROR_INVALID, "%s: line %lld: a record of over %d MiB",
                         blocks->path, (long long)blocks->line, CSV_RECORD_LIMIT >> 20);
    if (!make_room(blocks, block, block->size + CSV_BLOCK_SIZE, error) ||
        !stream_read(blocks->stream, block->data + block->size, CSV_BLOCK_SIZE, &got, error))
        return false;
    block->size += got;
    blocks->at_end = got == 0;
    return true;
}

bool csv_blocks_next(struct csv_blocks *blocks, struct csv_block *block, struct error *error)
{
    struct census census;
    size_t end = 0;

    block->size = blocks->n_rest;
    if (!make_room(blocks, block, block->size + CSV_BLOCK_SIZE, error))
        return false;
    if (block->size > 0)
        memcpy(block->data, blocks->rest, block->size);
    while (!blocks->at_end && (end == 0 || (blocks->number == 0 && look(block->data, end).n_lines <
                                                                       blocks->first_lines))) {
        if (!read_more(blocks, block, error))
            return false;
        end = blocks->at_end ? block->size : whole_records(block->data, block->size);
    }
    if (!keep_rest(blocks, block->data + end, block->size - end, error))
        return false;
    block->size = end;
    memset(block->data + end, 0, CSV_FIELDS_PADDING + 1);
    census = look(block->data, end);
    if (census.plain && end > 0 && block->data[end - 1] != '\n')
        block->data[block->size++] = '\n';
    block->plain = census.plain;
    block->number = blocks->number++;
    block->line = blocks->line;
    blocks->line += census.n_lines;
    return true;
}
