/* UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef NIGHTJAR_COMMON_UTF8_H
#define NIGHTJAR_COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that `text` begins with, which has `available` > 0 bytes; 0: it begins
 * with none (torn or no UTF-8). */
size_t utf8_size(const char *text, size_t available);
/* The first byte of a text that begins no character; NULL where it is all UTF-8. */
const char *utf8_fault(const char *text);
/* Writes the character, at most 4 bytes and no NUL; how many. `code` is no surrogate. */
size_t utf8_encode(uint32_t code, char *to);

#endif
