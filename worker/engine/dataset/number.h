/* Numbers in text, exactly: the double nearest to the decimal digits, integers as themselves. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_NUMBER_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum number_kind {
    NUMBER_NONE,     /* not a number */
    NUMBER_INTEGER,  /* fits into int64_t, written as one would print it (no "+1", no "007") */
    NUMBER_REAL,     /* anything else that is finite */
    NUMBER_OVERFLOW, /* digits of a number beyond the range of double */
    NUMBER_SPECIAL,  /* inf, infinity, nan in any case */
};

/* Reads all of `text` (not NUL-terminated). *ret_real is set for INTEGER and REAL, *ret_integer
 * for INTEGER; other kinds leave both alone. */
enum number_kind number_parse(const char *text, size_t size, int64_t *ret_integer,
                              double *ret_real);

/* Most numbers of most files, fast: digits with at most one point among them, behind at most a
 * minus. They end where the text goes on otherwise: where it does is returned, and whoever calls
 * sees whether a number may end there. NULL: not that simple, or not an integer as one would print
 * it; number_parse() knows. At least NUMBER_PADDING bytes must be readable behind the number. */
#define NUMBER_PADDING 16
const char *number_scan_real(const char *at, double *ret);
const char *number_scan_integer(const char *at, int64_t *ret);

#endif
