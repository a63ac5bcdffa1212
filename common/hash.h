/* Content hashes (XXH3, 128 bits): names of prepared data, fingerprints of scripts and
 * configurations. Not a defence against an adversary. */
#ifndef NIGHTJAR_COMMON_HASH_H
#define NIGHTJAR_COMMON_HASH_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

#define HASH_TEXT_SIZE 33 /* 32 hex digits and NUL */

/* Two hex digits a byte, and NUL: 2n + 1 bytes of `ret_text`, which is returned. */
const char *hash_digits(const unsigned char *byte, size_t n, char *ret_text);

uint64_t hash_bytes(const void *data, size_t size); /* 64 bits, seed 0 */
const char *hash_text(const void *data, size_t size,
                      char ret_text[HASH_TEXT_SIZE]); /* 128 bits, returned */
/* INVALID where it is no regular file. */
bool hash_file(const char *path, char ret_text[HASH_TEXT_SIZE], struct error *error);

#endif
