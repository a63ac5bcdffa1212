/*
 * Small products in vectors, included by vector_kernels.h for each instruction set.
 *
 *   c[m][n] (+)= sum over parts of a[m][k] b[k][n]
 *
 * A tile of c (up to TILE_ROWS rows of up to PANEL_VECTORS vectors) stays in registers while k
 * runs, through all parts. Each element is the sum of its terms in the order of k, whatever tile it
 * lies in: its bits depend on neither m nor n. Tiles go down the rows first, so that a panel of b
 * (b_row apart) stays near while rows of a pass by. c's and b's last vector may be a part of one.
 */
#if PANEL_VECTORS == 4 /* thirty-two registers */
#define TILE_ROWS(vectors) ((vectors) == 4 ? 6 : (vectors) == 3 ? 8 : 12)
#else /* sixteen */
#define TILE_ROWS(vectors) ((vectors) == 2 ? 6 : 12)
#endif
#define TILE_ROWS_MAX 12

/* Lines of what is needed next, asked of the memory while a tile's sums are computed, one at each
 * term. */
struct ahead {
    const char *line;
    int64_t lines; /* still to ask for */
};

/* One term of each sum. */
INLINE void tile_term(const float *a, int64_t a_row, const float *b, int rows, int vectors,
                      MASK mask, VECTOR sum[TILE_ROWS_MAX][PANEL_VECTORS])
{
    VECTOR right[PANEL_VECTORS];

    UNROLL for (int v = 0; v < vectors; v++) right[v] =
        v + 1 < vectors ? v_load(b + v * LANES) : v_load_part(b + v * LANES, mask);
    UNROLL for (int i = 0; i < rows; i++)
    {
        VECTOR left = v_set(a[i * a_row]);

        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = v_fma(left, right[v], sum[i][v]);
    }
}

INLINE void tile_terms(const struct product_part *part, int64_t row, int64_t column, int rows,
                       int vectors, MASK mask, struct ahead *ahead,
                       VECTOR sum[TILE_ROWS_MAX][PANEL_VECTORS])
{
    const float *a = part->a + row * part->a_row;
    const float *b = part->b + column / (PANEL_VECTORS * LANES) * part->b_panel;
    int64_t a_row = part->a_row, a_column = part->a_column, b_row = part->b_row;
    int64_t step = ahead->lines > 0 ? LINE : 0;
    const char *line = step > 0 ? ahead->line : (const char *)a;

    for (int64_t k = 0; k < part->k; k++, a += a_column, b += b_row, line += step) {
        __builtin_prefetch(line, 0, 2); /* into the second cache; beyond the end it does no harm */
        tile_term(a, a_row, b, rows, vectors, mask, sum);
    }
    ahead->line += step * part->k;
    ahead->lines -= part->k;
}

INLINE void tile(const struct product *product, int64_t row, int64_t column, int rows, int vectors,
                 MASK mask, struct ahead *ahead)
{
    VECTOR sum[TILE_ROWS_MAX][PANEL_VECTORS];
    float *c = product->c + row * product->c_row + column;
    int64_t c_row = product->c_row;

    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++) sum[i][v] =
        !product->add     ? v_set(0.0f)
        : v + 1 < vectors ? v_load(c + i * c_row + v * LANES)
                          : v_load_part(c + i * c_row + v * LANES, mask);
    for (int p = 0; p < product->n_parts; p++)
        tile_terms(&product->part[p], row, column, rows, vectors, mask, ahead, sum);
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < vectors; v++) if (v + 1 < vectors)
            v_store(c + i * c_row + v * LANES, sum[i][v]);
    else v_store_part(c + i * c_row + v * LANES, sum[i][v], mask);
}

/* One function for each shape of a tile: its loops are unrolled into registers. */
#define TILE_CASE(rows, vectors)                                \
    case rows:                                                  \
        tile(product, row, column, rows, vectors, mask, ahead); \
        break;
#define TILES_TO_SIX(vectors) \
    TILE_CASE(1, vectors)     \
    TILE_CASE(2, vectors)     \
    TILE_CASE(3, vectors) TILE_CASE(4, vectors) TILE_CASE(5, vectors) TILE_CASE(6, vectors)
#define TILES_TO_EIGHT(vectors) TILES_TO_SIX(vectors) TILE_CASE(7, vectors) TILE_CASE(8, vectors)
#define TILES_TO_TWELVE(vectors) \
    TILES_TO_EIGHT(vectors)      \
    TILE_CASE(9, vectors) TILE_CASE(10, vectors) TILE_CASE(11, vectors) TILE_CASE(12, vectors)

#define TILES(name, vectors, cases)                                                         \
    VECTOR_ISA static void name(const struct product *product, int64_t row, int64_t column, \
                                int rows, MASK mask, struct ahead *ahead)                   \
    {                                                                                       \
        switch (rows) {                                                                     \
            cases(vectors) default : break;                                                 \
        }                                                                                   \
    }

TILES(tiles_of_one, 1, TILES_TO_TWELVE)
#if PANEL_VECTORS == 4
TILES(tiles_of_two, 2, TILES_TO_TWELVE)
TILES(tiles_of_three, 3, TILES_TO_EIGHT)
TILES(tiles_of_four, 4, TILES_TO_SIX)
#else
TILES(tiles_of_two, 2, TILES_TO_SIX)
#endif

VECTOR_ISA static void tile_of(const struct product *product, int64_t row, int64_t column, int rows,
                               int vectors, MASK mask, struct ahead *ahead)
{
    switch (vectors) {
    case 1:
        tiles_of_one(product, row, column, rows, mask, ahead);
        break;
    case 2:
        tiles_of_two(product, row, column, rows, mask, ahead);
        break;
#if PANEL_VECTORS == 4
    case 3:
        tiles_of_three(product, row, column, rows, mask, ahead);
        break;
    case 4:
        tiles_of_four(product, row, column, rows, mask, ahead);
        break;
#endif
    default:
        break;
    }
}

VECTOR_ISA static void vector_product(const struct product *product)
{
    int64_t panel = (int64_t)PANEL_VECTORS * LANES;
    struct ahead ahead = {(const char *)product->soon,
                          product->n_soon * (int64_t)sizeof(float) / LINE};

    for (int64_t column = 0; column < product->n; column += panel) {
        int64_t width = product->n - column < panel ? product->n - column : panel;
        int vectors = (int)((width + LANES - 1) / LANES);
        MASK mask = v_mask(width - (int64_t)(vectors - 1) * LANES);
        int64_t tiles = (product->m + TILE_ROWS(vectors) - 1) / TILE_ROWS(vectors);

        for (int64_t i = 0, row = 0; i < tiles; i++) { /* of nearly equal heights */
            int64_t end = product->m * (i + 1) / tiles;

            tile_of(product, row, column, (int)(end - row), vectors, mask, &ahead);
            row = end;
        }
    }
}
