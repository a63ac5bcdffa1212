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

#define NUMBER_EXACT 0x1p53 /* doubles below it tell all integers apart */

/* Reads all of `text` (not NUL-terminated). *ret_real is set for INTEGER and REAL, *ret_integer
 * for INTEGER; other kinds leave both alone. */
enum number_kind number_parse(const char *text, size_t size, int64_t *ret_integer,
                              double *ret_real);

/* Most numbers of most files, fast: all of `text` is digits with at most one point among them,
 * behind at most a minus. False: it is not that simple, or not an integer as one would print it;
 * number_parse() knows. At least NUMBER_PADDING bytes must be readable behind the text. */
#define NUMBER_PADDING 16
bool number_read_real(const char *text, size_t size, double *ret);
bool number_read_integer(const char *text, size_t size, int64_t *ret);
/* The double nearest to digits / 10^n_fraction. False: the fast way does not tell. */
bool number_from_digits(bool negative, uint64_t digits, size_t n_fraction, double *ret);

/* Fields that lie `stride` separators apart in a text (csv_fields.h): number k is what lies behind
 * separator[k * stride] and before the next one. */
struct number_column {
    const char *text; /* NUMBER_COLUMN_PADDING bytes are readable behind its last field */
    const uint32_t *separator;
    int64_t stride; /* less than 2^27 */
};
#define NUMBER_COLUMN_MAX 64
#define NUMBER_COLUMN_PADDING 40
/* number_read_real() of n <= NUMBER_COLUMN_MAX of them, by the widest vectors that this processor
 * has; bit k that is set: number k is not that simple, and ret[k] is anything. */
uint64_t number_read_reals(const struct number_column *column, int64_t n, double *ret);
uint64_t number_read_reals_plain(const struct number_column *column, int64_t n, double *ret);

#endif
