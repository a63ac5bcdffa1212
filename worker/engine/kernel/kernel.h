/*
 * The loops that cost time, chosen at run time for the processor: plain C, AVX2 or AVX-512. The
 * plain table is the reference beside which the others are tested. In the double build there is
 * only the plain one.
 *
 * Every kernel gives the same bits for the same arguments, whatever lies beside them in memory.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_KERNEL_KERNEL_H
#define NIGHTJAR_WORKER_ENGINE_KERNEL_KERNEL_H

#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

struct permutation;
struct index_lanes;

enum activation {
    ACTIVATION_LINEAR,
    ACTIVATION_RELU,
    ACTIVATION_LEAKY_RELU,
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_ELU,
    ACTIVATION_HARD_SIGMOID, /* 0.2 z + 0.5 within 0 and 1 */
    ACTIVATION_SOFTPLUS,
    /* the kernels know those whose slope can be told from y; layers make the others (activation.h)
     */
    ACTIVATION_OF_VALUE_COUNT,
    ACTIVATION_GELU = ACTIVATION_OF_VALUE_COUNT,
    ACTIVATION_SOFTMAX,
    ACTIVATION_COUNT
};
/* ended by NULL: choices */
extern const char *const activation_name[ACTIVATION_COUNT + 1];
extern const char *const activation_of_value_name[ACTIVATION_OF_VALUE_COUNT + 1];

struct adam_step {
    real rate; /* rate / (1 - beta1^t) */
    real beta1, beta2;
    real rest1, rest2; /* 1 - beta, rounded once */
    real epsilon;
    real root; /* 1 / sqrt(1 - beta2^t) */
};
struct mask_draw { /* whose fate is drawn; see dropout_mask */
    uint64_t seed, row_id, step;
    uint32_t purpose;
    uint32_t threshold; /* words below it are dropped */
    real keep;          /* the factor of the others */
};
struct sgd_step {
    real rate, momentum;
    bool nesterov;
};

struct product_part { /* a[m][k] b[k][n] */
    const real *a;
    int64_t a_row, a_column; /* elements from one row or column to the next */
    const real *b;
    int64_t b_row, b_panel; /* from a row to the next; from a panel of columns to the next */
    int64_t k;
};
struct product { /* c[m][n] = sum of the parts, in their order; `add`: to what c is */
    int64_t m, n;
    real *c;
    int64_t c_row;
    bool add;
    const struct product_part *part; /* [n_parts], borrowed */
    int n_parts;
    const real *soon; /* [n_soon], borrowed: needed next, so that it is asked of the memory */
    int64_t n_soon;   /* meanwhile; 0: nothing */
};

struct lstm_step { /* one step of `rows` rows of `units` cells; gates i, f, g, o one after the other
                    */
    int64_t rows, units;
    bool hard;                /* hard_sigmoid in place of sigmoid */
    real *gates;              /* [rows][4 units] */
    const real *bias, *bias2; /* [4 units]; forward; either may be NULL */
    const real *before;       /* [rows][units]: the cells a step ago; NULL: zeros */
    real *cell;               /* [rows][units] */
    real *output;             /* [rows][output_row]; forward */
    int64_t output_row;
    const real *output_gradient; /* [rows][units]; backward */
    real *cell_gradient;         /* [rows][units]; backward: of cell, becomes that of before */
    real *bias_gradient, *bias2_gradient; /* [4 units], added to; NULL: not needed */
};
struct gru_step { /* gates r, z, n one after the other, then what the state adds to n before r */
    int64_t rows, units;
    bool hard;
    real *gates;              /* [rows][4 units] */
    const real *bias, *bias2; /* [3 units]: of the input, of the state; either may be NULL */
    const real *before;       /* [rows][units]: the state a step ago; NULL: zeros */
    real *state;              /* [rows][units]; forward */
    real *gradient;           /* [rows][units]; backward: of state, becomes that of before save what
                                 comes through the gates */
    real *bias_gradient, *bias2_gradient; /* [3 units], added to; NULL: not needed */
    /* Where the reset gate comes before the state's weights; the fourth of the gates is what they
     * see. */
    const real *reset_mask; /* [rows][units]: a factor of before on its way to r; NULL: 1 */
    real *reset_gradient;   /* [rows][units]; backward: of what they saw; lost */
};

/* Rows of a table on their way into a batch. */
struct affine_rows {
    real *y;        /* `width` each, y_stride apart */
    const float *x; /* x_stride apart */
    int64_t rows, width, y_stride, x_stride;
    const real *centre, *scale, *offset; /* [width], and room for KERNEL_AFFINE_ROOM more */
    const float *ahead; /* asked of the memory meanwhile: rows like x, `rows` of them */
    /* Where rows lie apart: each one's place, [rows], and those of the ones ahead; NULL: as above
     */
    const float *const *listed, *const *listed_ahead;
};

struct kernel {
    const char *name; /* "plain" "avx2" "avx512" */
    int64_t panel;    /* columns of a panel: what kernel_pack() lays together */

    /* y[rows][width] = f(y + bias); bias NULL: none. alpha: slope of leaky_relu below 0. */
    void (*bias_activation)(real *y, const real *bias, int64_t rows, int64_t width,
                            enum activation activation, real alpha);
    /* dz[n] = dy f'(z), told from y = f(z); dz may be dy. */
    void (*activation_gradient)(real *dz, const real *dy, const real *y, int64_t n,
                                enum activation activation, real alpha);
    /* sum[width] += sums of the columns of x[rows][width] */
    void (*add_columns)(real *sum, const real *x, int64_t rows, int64_t width);
    /* For each row: p = softmax(x) and loss = -log p[label]; rows 0 .. rows - 1. x may be p. */
    void (*softmax_loss)(real *p, const real *x, const int32_t *label, double *loss, int64_t rows,
                         int64_t width);
    /* value, moments; gradient is cleared */
    void (*adam)(real *value, real *gradient, real *first, real *second, int64_t n,
                 const struct adam_step *step);
    void (*sgd)(real *value, real *gradient, real *velocity, int64_t n,
                const struct sgd_step *step); /* velocity NULL: no momentum */
    void (*scale)(real *y, real factor, int64_t n);
    void (*most)(real *y, const real *x, int64_t n); /* y = max(x, y) */
    /* Where x is y: dx += dy, and dy becomes 0, so that no other x takes it too. */
    void (*give_most)(real *dx, real *dy, const real *x, const real *y, int64_t n);
    void (*add)(real *y, const real *x, int64_t n);                          /* y += x */
    void (*multiply)(real *y, const real *x, const real *factor, int64_t n); /* y = x * factor */
    /* y = (x - centre) * scale + offset. The same bits in every table. */
    void (*affine)(const struct affine_rows *rows);
    /* mask[width] = 0 or draw->keep, by the words of Philox blocks at (row_id, step) whose purposes
     * follow draw->purpose, sixteen blocks for 64 values: value 64 g + 16 k + j has word k of block
     * 16 g + j. The same bits in every table. */
    void (*dropout_mask)(real *mask, int64_t width, const struct mask_draw *draw);
    /* permutation_rounds(), with its bits. */
    void (*permutation_rounds)(const struct permutation *permutation, struct index_lanes *lanes);
    /* For small products, and for those whose b is packed. */
    void (*product)(const struct product *product);
    /* gates: sums in, values out; cell and output are written. */
    void (*lstm_forward)(const struct lstm_step *step);
    /* gates: values in, gradients of the sums out. */
    void (*lstm_backward)(const struct lstm_step *step);
    /* gates: values; cell is written once more, with the same bits. */
    void (*lstm_recall)(const struct lstm_step *step);
    void (*gru_forward)(const struct gru_step *step);
    /* gates: values in; out: gradients of the sums of r, z and n, then that of the state's part of
     * n
     */
    void (*gru_backward)(const struct gru_step *step);
    /* The same in two halves, where r comes before the state's weights: gates r and z of their
     * sums, and r h' into the fourth; then n and h. Back in the other order: gradients of the sums
     * of n and z, then that of r, of reset_gradient; both leave in `gradient` what is straight. */
    void (*gru_reset)(const struct gru_step *step);
    void (*gru_blend)(const struct gru_step *step);
    void (*gru_blend_backward)(const struct gru_step *step);
    void (*gru_reset_backward)(const struct gru_step *step);
    void (*exp)(real *y, const real *x, int64_t n);
    void (*tanh)(real *y, const real *x, int64_t n);
    /* Of doubles: good to two units in the last place, log to four. y may be x. */
    void (*exp_double)(double *y, const double *x, int64_t n);
    void (*softplus_double)(double *y, const double *x, int64_t n); /* log(1 + exp x) */
    void (*log_double)(double *y, const double *x, int64_t n);
};

extern const struct kernel kernel_plain;
#define KERNEL_AFFINE_ROOM 16
#define MASK_GROUP 64        /* values of a group */
#define MASK_GROUP_BLOCKS 16 /* and its blocks */
#ifndef NIGHTJAR_DOUBLE
extern const struct kernel kernel_avx2, kernel_avx512;
#endif

/* The tables that this processor runs, best first, plain last; how many is returned. */
#define KERNEL_COUNT_MAX 3
int kernel_list(const struct kernel *ret_kernel[KERNEL_COUNT_MAX]);
/* The best one, or the one that NIGHTJAR_KERNEL names if this processor runs it. */
const struct kernel *kernel_pick(void);

/* c[m][n] = alpha a b + beta c, row-major; transposed where said: a is [k][m], b is [n][k]. */
void kernel_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, real alpha,
                    const real *a, const real *b, real beta, real *c);

/* The same within larger matrices: rows of a, b and c lie a_row, b_row and c_row apart. Small ones
 * are the kernel's, which is faster there; large ones BLAS'. */
struct matrix_product {
    const struct kernel *kernel;        /* NULL: BLAS */
    bool transpose_a, transpose_b, add; /* add: to what c is */
    int64_t m, n, k;
    const real *a, *b;
    real *c;
    int64_t a_row, b_row, c_row;
};
void kernel_product_within(const struct matrix_product *product);
/* The same of a[m][k] and b[k][n] that was packed for the product's kernel; b is not read. */
void kernel_product_packed(const struct matrix_product *product, const real *packed);

/* So many packed elements stay in the near caches, and are little beside a product with them. */
#define KERNEL_PACKED_SMALL (1 << 14)
/* Elements that b[k][n] takes when it is packed for kernel->product. */
int64_t kernel_packed_size(const struct kernel *kernel, int64_t k, int64_t n);
/* Packs b[k][n], whose elements lie row_stride and column_stride apart: panel by panel, zeros
 * beyond n. Packs of the same n may follow one another: parts of more rows. */
void kernel_pack(const struct kernel *kernel, const real *b, int64_t row_stride,
                 int64_t column_stride, int64_t k, int64_t n, real *ret_packed);
/* The part of a product whose b was packed from [k][n]; a_row: elements from a row to the next. */
struct product_part kernel_packed_part(const struct kernel *kernel, const real *a, int64_t a_row,
                                       const real *packed, int64_t k);

/* Denormals are taken as zero in this thread until restored: training only. Returns what to
 * restore.
 */
unsigned kernel_flush_denormals(void);
void kernel_restore_denormals(unsigned saved);

/* What results depend on besides data, settings and seed: "avx512 SkylakeX threads=1". Buffer of at
 * least 96 bytes, returned. */
#define KERNEL_IDENTITY_SIZE 96
const char *kernel_identity(const struct kernel *kernel, char *buffer);

#endif
