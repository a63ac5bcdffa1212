/*
 * Bytes of a file, unpacked where its name ends in .gz, and lines of it.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_STREAM_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_STREAM_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

bool stream_open(const char *path, struct stream **ret, struct error *error);
/* From memory, borrowed while the stream lives, called `name` in errors. */
bool stream_open_memory(const void *data, size_t size, const char *name, struct stream **ret,
                        struct error *error);
void stream_free(struct stream **stream);
const char *stream_name(const struct stream *stream);

/* At most `room` bytes; *ret_size 0: the end. CORRUPT where the gzip file is truncated. */
bool stream_read(struct stream *stream, void *data, size_t room, size_t *ret_size,
                 struct error *error);

struct line {
    char
        *text; /* borrowed until the next one; NUL-terminated, without its end; may be written to */
    size_t size;
    int64_t number; /* from 1 */
};
/* *ret false: the end. INVALID for NUL bytes, invalid UTF-8 and lines of over 256 MiB; a byte order
 * mark is passed over. */
bool stream_next_line(struct stream *stream, struct line *line, bool *ret, struct error *error);

#endif
