/* What is read of some rows soon, asked of the memory before that. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_PREFETCH_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_PREFETCH_H

#include <stdbool.h>
#include <stdint.h>

#define PREFETCH_LINE 64     /* bytes */
#define PREFETCH_LINES 16384 /* in all */
#define PREFETCH_RUN 32      /* of a row; longer runs are asked for by the processor itself */
#define PREFETCH_ARRAYS 4

struct prefetch {       /* all-zero: nothing */
    const int64_t *row; /* [n], borrowed */
    int64_t n, n_lines;
    bool ids; /* the rows' identities are read too */
    struct prefetch_array {
        const char *base;       /* of row 0 */
        int64_t stride, before; /* bytes from a row to the next; rows that come before each */
        int64_t lines;          /* of each, from there on */
    } array[PREFETCH_ARRAYS];
    int n_arrays;
};

/* Whether this processor gains by it: of those that were measured AMD's do, whose small networks'
 * steps are 2 % shorter: more lines are under way to the second cache than to the first. Intel's
 * with AVX-512 lost 3 % by being asked in the middle of products, and were not measured in this
 * form. */
bool prefetch_pays(void);
/* Adds so many bytes of each row, from `before` rows before it on, unless these are too long a run
 * or too much in all. */
void prefetch_add(struct prefetch *prefetch, const void *base, int64_t stride, int64_t before,
                  int64_t bytes);
/* Asks for all of it, and waits for nothing. */
void prefetch_ask(const struct prefetch *prefetch);

#endif
