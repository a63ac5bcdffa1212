/*
 * Products of matrices in bfloat16 tiles, for predictions: each float x is the sum of two
 * bfloat16 numbers, x' = bf16(x) and x" = bf16(x - x'), and
 *
 *   a b  is taken as  a' b" + a' b' + a" b'        summed in float
 *
 * (the computing mode float_to_bf16x3 of oneMKL's, "high" of PyTorch's float32 matmul precision:
 * Henry, Tang, Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for
 * higher-precision computations", 2019). A term's error is at most 2^-15 |a| |b|: 2^-17 of each
 * split and 2^-16 of the product that is left out; as their signs differ a sum is about as exact as
 * one in float.
 *
 * An element of c has the same bits whatever rows and columns are beside it. Denormals, of numbers
 * and of sums, are taken as zero.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_KERNEL_BF16X3_H
#define NIGHTJAR_WORKER_ENGINE_KERNEL_BF16X3_H

#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BF16X3_TERMS = 32,  /* numbers of k in a block: x'[32] x"[32], each the upper half of a float */
    BF16X3_PANEL = 32,  /* columns of b that lie together */
    BF16X3_BEYOND = 32, /* rows of a that are read beyond the last: anything finite */
    BF16X3_BLOCK =
        2048, /* elements of a block of b: [2 halves of a panel][b' b"][16 pairs][16][2] */
};

struct bf16x3_layout { /* where the numbers of a[m][k] lie when they are split, in elements */
    int64_t row;       /* from a row to the next, of sixteen */
    int64_t group;     /* from sixteen rows to the next sixteen */
    int64_t block;     /* from BF16X3_TERMS numbers to the next */
    int64_t low;       /* from x' to x" */
};

struct bf16x3_product { /* c[m][n] = sum over taps of a[m][k] b[k][n]; `add`: to what c is */
    int64_t m, n, k;
    int64_t taps;      /* at least 1 */
    const uint16_t *a; /* as split() gives it; borrowed, as the next */
    struct bf16x3_layout layout;
    int64_t a_tap;          /* elements from a tap to the next, where rows lie one by one */
    const uint16_t *b;      /* [panels][taps][blocks of k], packed */
    real *c;                /* columns of a panel lie together, BF16X3_PANEL at a time */
    int64_t c_row, c_panel; /* elements from a row, from a panel to the next */
    bool add;
};

struct bf16x3_kernel {
    const char *name; /* "plain" "amx" */
    /* x[m][k], whose rows lie x_row apart; zeros beyond k. */
    void (*split)(const real *x, int64_t x_row, int64_t m, int64_t k,
                  const struct bf16x3_layout *layout, uint16_t *to);
    void (*product)(const struct bf16x3_product *product);
};

/* The reference: the same sums, slowly. */
extern const struct bf16x3_kernel bf16x3_plain;
/* What this processor has for it, NULL: nothing that is faster than float. NIGHTJAR_KERNEL, where
 * it names a table of kernels without tiles, has a say. */
const struct bf16x3_kernel *bf16x3_pick(void);

/* Elements that k numbers take when they are split. */
static inline int64_t bf16x3_width(int64_t k)
{
    return (k + BF16X3_TERMS - 1) / BF16X3_TERMS * 2 * BF16X3_TERMS;
}

/* Rows one by one, [m][bf16x3_width(k)]: any of them may be a product's first. */
static inline struct bf16x3_layout bf16x3_rows(int64_t k)
{
    return (struct bf16x3_layout){.row = bf16x3_width(k),
                                  .group = 16 * bf16x3_width(k),
                                  .block = (int64_t)2 * BF16X3_TERMS,
                                  .low = BF16X3_TERMS};
}
/* Sixteen rows together, [m / 16][blocks of k][x' x"][16][BF16X3_TERMS]: a tile is as it is read.
 */
static inline struct bf16x3_layout bf16x3_tiles(int64_t k)
{
    return (struct bf16x3_layout){.row = BF16X3_TERMS,
                                  .group = 16 * bf16x3_width(k),
                                  .block = (int64_t)32 * BF16X3_TERMS,
                                  .low = (int64_t)16 * BF16X3_TERMS};
}

/* Elements that b[k][n] takes when it is packed for one tap. */
int64_t bf16x3_packed_size(int64_t k, int64_t n);
/* Packs b[k][n], whose elements lie row_stride and column_stride apart: panels panel_stride
 * elements apart, zeros beyond k and n. */
void bf16x3_pack(const real *b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n,
                 int64_t panel_stride, uint16_t *ret_packed);

/* ---- products of whole matrices, whose weights are packed once ---- */

struct bf16x3_matrix { /* c[m][n] = a[m][k] w'[k][n] */
    const struct bf16x3_kernel *kernel;
    int64_t m, n, k;
    const real *a;
    int64_t a_row; /* elements from a row to the next, as the last */
    const uint16_t *packed;
    real *c;
    int64_t c_row;
    uint16_t *room; /* [bf16x3_matrix_room(k, n)], lost */
};
/* Packs w[n][k] for bf16x3_matrix_product(): bf16x3_packed_size(k, n) elements. */
void bf16x3_matrix_pack(const real *w, int64_t k, int64_t n, uint16_t *ret_packed);
int64_t bf16x3_matrix_room(int64_t k, int64_t n);
void bf16x3_matrix_product(const struct bf16x3_matrix *matrix);

#endif
