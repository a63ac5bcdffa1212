/* Sizes as people read them. */
#ifndef NIGHTJAR_COMMON_BYTES_H
#define NIGHTJAR_COMMON_BYTES_H

#include <stddef.h>

#define BYTES_TEXT_SIZE 32

/* "512 B", "1.5 MiB"; "-" for what is no size. Returns `buffer`. */
const char *bytes_text(double bytes, char *buffer, size_t size);

#endif
