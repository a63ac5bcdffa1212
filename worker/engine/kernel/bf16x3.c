/* The plain twin of the products in tiles, how weights are packed, and products of long rows. */
#include "worker/engine/kernel/bf16x3.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/kernel/amx.h"

/* Rows are long where their numbers and a panel of b leave the nearest cache. They are taken in
 * parts then, sums waiting in a room of their own, so that this and a part of b stay in the next.
 */
enum { LONG = 256, PART = 96, ROWS = 256, COLUMNS = 1024 };

const struct bf16x3_kernel *bf16x3_pick(void)
{
    const char *name = getenv("NIGHTJAR_KERNEL");

    if (name && (strcmp(name, "plain") == 0 || strcmp(name, "avx2") == 0))
        return NULL;
    return amx_kernel();
}

/* ---- numbers ---- */

static float float_of(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float x;

    memcpy(&x, &word, sizeof(x));
    return x;
}

/* To nearest, ties to even. */
static uint16_t bits_of(float x)
{
    uint32_t word;

    memcpy(&word, &x, sizeof(word));
    if (isnan(x))
        return (uint16_t)(word >> 16 | 0x40);
    if (fpclassify(x) == FP_SUBNORMAL)
        return (uint16_t)(signbit(x) ? 0x8000 : 0);
    return (uint16_t)((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

static void put(float x, uint16_t *high, uint16_t *low)
{
    *high = bits_of(x);
    *low = bits_of(x - float_of(*high));
}

static int64_t place_of(const struct bf16x3_layout *layout, int64_t row)
{
    return row / 16 * layout->group + row % 16 * layout->row;
}

static void plain_split(const real *x, int64_t x_row, int64_t m, int64_t k,
                        const struct bf16x3_layout *layout, uint16_t *to)
{
    for (int64_t row = 0; row < m; row++, x += x_row)
        for (int64_t i = 0; i < bf16x3_width(k) / 2; i++) {
            uint16_t *high =
                to + place_of(layout, row) + i / BF16X3_TERMS * layout->block + i % BF16X3_TERMS;

            put(i < k ? (float)x[i] : 0, high, high + layout->low);
        }
}

/* ---- sums ---- */

static float flushed(float x)
{
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x;
}

/* A tile's: terms of even and of odd k apart, then both to the sum. */
static float terms(float sum, const uint16_t *a, const uint16_t *b)
{
    float part[2] = {0, 0};

    for (int pair = 0; pair < BF16X3_TERMS / 2; pair++)
        for (int odd = 0; odd < 2; odd++)
            part[odd] =
                flushed(fmaf(float_of(a[2 * pair + odd]), float_of(b[32 * pair + odd]), part[odd]));
    return flushed(sum + flushed(part[0] + part[1]));
}

static float element(const struct bf16x3_product *product, int64_t row, int64_t column, float sum)
{
    enum { HALF = BF16X3_BLOCK / 2, TILE = HALF / 2 };
    int64_t blocks = bf16x3_width(product->k) / (2 * BF16X3_TERMS);
    const uint16_t *b = product->b + column / BF16X3_PANEL * product->taps * blocks * BF16X3_BLOCK +
                        column % BF16X3_PANEL / 16 * HALF + column % 16 * 2;

    for (int64_t tap = 0; tap < product->taps; tap++) {
        const uint16_t *a = product->a + place_of(&product->layout, row) + tap * product->a_tap;

        for (int64_t i = 0; i < blocks; i++, a += product->layout.block, b += BF16X3_BLOCK) {
            sum = terms(sum, a, b + TILE);
            sum = terms(sum, a, b);
            sum = terms(sum, a + product->layout.low, b);
        }
    }
    return sum;
}

static void plain_product(const struct bf16x3_product *product)
{
    for (int64_t row = 0; row < product->m; row++)
        for (int64_t column = 0; column < product->n; column++) {
            real *c = product->c + row * product->c_row + column / BF16X3_PANEL * product->c_panel +
                      column % BF16X3_PANEL;

            *c = element(product, row, column, product->add ? (float)*c : 0);
        }
}

const struct bf16x3_kernel bf16x3_plain = {"plain", plain_split, plain_product};

/* ---- weights ---- */

int64_t bf16x3_packed_size(int64_t k, int64_t n)
{
    return (k + BF16X3_TERMS - 1) / BF16X3_TERMS * ((n + BF16X3_PANEL - 1) / BF16X3_PANEL) *
           BF16X3_BLOCK;
}

void bf16x3_pack(const real *b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n,
                 int64_t panel_stride, uint16_t *ret_packed)
{
    enum { HALF = BF16X3_BLOCK / 2, TILE = HALF / 2 };
    int64_t columns = (n + BF16X3_PANEL - 1) / BF16X3_PANEL * BF16X3_PANEL;
    int64_t rows = (k + BF16X3_TERMS - 1) / BF16X3_TERMS * BF16X3_TERMS;

    for (int64_t column = 0; column < columns; column++)
        for (int64_t row = 0; row < rows; row++) {
            uint16_t *high = ret_packed + column / BF16X3_PANEL * panel_stride +
                             row / BF16X3_TERMS * BF16X3_BLOCK + column % BF16X3_PANEL / 16 * HALF +
                             row % BF16X3_TERMS / 2 * 32 + column % 16 * 2 + row % 2;

            put(row < k && column < n ? (float)b[row * row_stride + column * column_stride] : 0,
                high, high + TILE);
        }
}

/* ---- matrices ---- */

static int64_t part_of(int64_t k)
{
    return k > LONG ? PART : k;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void bf16x3_matrix_pack(const real *w, int64_t k, int64_t n, uint16_t *ret_packed)
{
    for (int64_t first = 0; first < k; first += part_of(k)) {
        int64_t terms_of_part = smaller(part_of(k), k - first);
        int64_t panel = bf16x3_packed_size(terms_of_part, BF16X3_PANEL);

        bf16x3_pack(w + first, 1, k, terms_of_part, n, panel, ret_packed);
        ret_packed += bf16x3_packed_size(terms_of_part, n);
    }
}

static int64_t rows_size(int64_t k)
{
    return (ROWS + BF16X3_BEYOND) * bf16x3_width(part_of(k));
}

int64_t bf16x3_matrix_room(int64_t k, int64_t n)
{
    int64_t panels = (smaller(n, COLUMNS) + BF16X3_PANEL - 1) / BF16X3_PANEL;
    int64_t sums = k > LONG ? ROWS * panels * BF16X3_PANEL : 0;

    return rows_size(k) + sums * (int64_t)(sizeof(real) / sizeof(uint16_t));
}

/* Rows and columns of c, of which there are as many as the room holds. */
struct stretch {
    int64_t row, rows, column, columns;
};

static void copy_sums(const struct bf16x3_matrix *matrix, const struct stretch *at,
                      const real *sums)
{
    for (int64_t column = 0; column < at->columns;
         column += BF16X3_PANEL, sums += at->rows * BF16X3_PANEL)
        for (int64_t row = 0; row < at->rows; row++)
            memcpy(matrix->c + (at->row + row) * matrix->c_row + at->column + column,
                   sums + row * BF16X3_PANEL,
                   (size_t)smaller(BF16X3_PANEL, at->columns - column) * sizeof(*sums));
}

static void stretch_product(const struct bf16x3_matrix *matrix, const struct stretch *at)
{
    int64_t part = part_of(matrix->k), k = matrix->k;
    bool parts = k > part;
    real *sums = (real *)(void *)(matrix->room + rows_size(k));
    const uint16_t *packed = matrix->packed;
    real *c = matrix->c + at->row * matrix->c_row + at->column;

    for (int64_t first = 0; first < k; first += part) {
        int64_t terms_of_part = smaller(part, k - first);
        const struct bf16x3_layout layout = bf16x3_tiles(terms_of_part);

        memset(matrix->room + at->rows / 16 * layout.group, 0,
               (size_t)(2 * layout.group) * sizeof(*matrix->room));
        matrix->kernel->split(matrix->a + at->row * matrix->a_row + first, matrix->a_row, at->rows,
                              terms_of_part, &layout, matrix->room);
        matrix->kernel->product(&(struct bf16x3_product){
            .m = at->rows,
            .n = at->columns,
            .k = terms_of_part,
            .taps = 1,
            .a = matrix->room,
            .layout = layout,
            .b = packed + bf16x3_packed_size(terms_of_part, at->column),
            .c = parts ? sums : c,
            .c_row = parts ? BF16X3_PANEL : matrix->c_row,
            .c_panel = parts ? at->rows * BF16X3_PANEL : BF16X3_PANEL,
            .add = first > 0,
        });
        packed += bf16x3_packed_size(terms_of_part, matrix->n);
    }
    if (parts)
        copy_sums(matrix, at, sums);
}

void bf16x3_matrix_product(const struct bf16x3_matrix *matrix)
{
    for (int64_t column = 0; column < matrix->n; column += COLUMNS)
        for (int64_t row = 0; row < matrix->m; row += ROWS)
            stretch_product(matrix,
                            &(struct stretch){.row = row,
                                              .rows = smaller(ROWS, matrix->m - row),
                                              .column = column,
                                              .columns = smaller(COLUMNS, matrix->n - column)});
}
