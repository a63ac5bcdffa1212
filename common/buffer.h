/*
 * A growing run of bytes. All-zero is a valid empty buffer. The bytes are always followed by a NUL
 * that size does not count, so that text in a buffer is a C string.
 */
#ifndef NIGHTJAR_COMMON_BUFFER_H
#define NIGHTJAR_COMMON_BUFFER_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *data; /* owned; NULL while nothing was ever appended */
    size_t size, capacity;
    size_t limit; /* most bytes it may hold; 0: no limit. Past it appending fails with INVALID */
};

void buffer_release(
    struct buffer *buffer); /* frees the memory; usable again afterwards, limit kept */
void buffer_clear(struct buffer *buffer); /* keeps the memory */
/* Gives the text away (to be freed by the caller); an empty buffer yields an allocated "". NULL:
 * out of memory. */
char *buffer_take(struct buffer *buffer);
void buffer_drop_front(struct buffer *buffer,
                       size_t size); /* forgets the first bytes; moves the rest */

bool buffer_reserve(struct buffer *buffer, size_t more, struct error *error);
bool buffer_append(struct buffer *buffer, const void *data, size_t size, struct error *error);
bool buffer_append_text(struct buffer *buffer, const char *text, struct error *error);
/* In decimal. A format does it too, but the first one costs a process 20 us: a submission has none.
 */
bool buffer_append_integer(struct buffer *buffer, int64_t value, struct error *error);
/* The shortest decimal that comes back as this number. */
bool buffer_append_real(struct buffer *buffer, double value, struct error *error);
__attribute__((format(printf, 3, 4))) bool
buffer_append_format(struct buffer *buffer, struct error *error, const char *format, ...);

#endif
