/* What a JSON string holds as it is: most of every text, so that it is worth passing over at once.
 */
#ifndef NIGHTJAR_COMMON_JSON_PLAIN_H
#define NIGHTJAR_COMMON_JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_PLAIN_EACH 0x0101010101010101U /* times a byte: that byte eight times */

static inline bool json_is_plain(char c)
{
    return (unsigned char)(c - 0x20) < 0x60 && c != '"' && c != '\\';
}

/* Eight at once, by the highest bit of each byte: a subtraction sets it where the byte was too
 * small (or one below it was: then the bytes are looked at one by one for nothing). */
static inline bool json_are_plain(uint64_t eight)
{
    uint64_t control = eight - 0x20 * JSON_PLAIN_EACH;
    uint64_t quote = (eight ^ ('"' * JSON_PLAIN_EACH)) - JSON_PLAIN_EACH;
    uint64_t escape = (eight ^ ('\\' * JSON_PLAIN_EACH)) - JSON_PLAIN_EACH;

    return ((control | quote | escape | eight) & 0x80 * JSON_PLAIN_EACH) == 0;
}

/* How many bytes from `text` on are ASCII other than control characters, quote and backslash. */
static inline size_t json_plain_size(const char *text, size_t available)
{
    size_t size = 0;
    uint64_t eight;

    for (; available - size >= sizeof(eight); size += sizeof(eight)) {
        memcpy(&eight, text + size, sizeof(eight));
        if (!json_are_plain(eight))
            break;
    }
    while (size < available && json_is_plain(text[size]))
        size++;
    return size;
}

#endif
