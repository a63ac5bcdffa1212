/*
 * A growing run of bytes.
 *
 * Invariants: data is NULL and capacity 0, or data has capacity + 1 bytes and data[size] is NUL;
 * size <= capacity; size <= limit where there is one.
 */
#include "common/buffer.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 63

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

char *buffer_take(struct buffer *buffer)
{
    char *data = buffer->data ? buffer->data : calloc(1, 1);

    if (data)
        *buffer = (struct buffer){.limit = buffer->limit};
    return data;
}

void buffer_drop_front(struct buffer *buffer, size_t size)
{
    if (size >= buffer->size) {
        buffer_clear(buffer);
        return;
    }
    if (size == 0)
        return;
    memmove(buffer->data, buffer->data + size, buffer->size - size + 1);
    buffer->size -= size;
}

bool buffer_reserve(struct buffer *buffer, size_t more, struct error *error)
{
    if (buffer->limit && (more > buffer->limit || buffer->size > buffer->limit - more))
        return error_set(error, ERROR_INVALID, "larger than %zu bytes", buffer->limit);
    if (more >= SIZE_MAX - buffer->size)
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    if (buffer->data && buffer->size + more <= buffer->capacity)
        return true;

    size_t wanted = buffer->size + more;
    size_t capacity = buffer->capacity < SIZE_MAX / 4 ? buffer->capacity * 2 + 1 : wanted;
    if (capacity < SMALLEST_CAPACITY)
        capacity = SMALLEST_CAPACITY;
    if (capacity < wanted)
        capacity = wanted;
    char *data = realloc(buffer->data, capacity + 1);
    if (!data)
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    data[buffer->size] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t size, struct error *error)
{
    if (!buffer_reserve(buffer, size, error))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text, struct error *error)
{
    return buffer_append(buffer, text, strlen(text), error);
}

bool buffer_append_integer(struct buffer *buffer, int64_t value, struct error *error)
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char text[24], *at = text + sizeof(text);

    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--at = '-';
    return buffer_append(buffer, at, (size_t)(text + sizeof(text) - at), error);
}

/* A decimal of up to 15 digits survives the way through a double, so %.15g, which drops trailing
 * zeros, finds it; where digits are fewer than that (subnormals) all precisions are tried. */
bool buffer_append_real(struct buffer *buffer, double value, struct error *error)
{
    char text[40];

    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value)
            break;
    }
    return buffer_append_text(buffer, text, error);
}

bool buffer_append_format(struct buffer *buffer, struct error *error, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return error_set(error, ERROR_INTERNAL, "a text cannot be formatted");
    if (!buffer_reserve(buffer, (size_t)size, error))
        return false;
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)size;
    return true;
}
