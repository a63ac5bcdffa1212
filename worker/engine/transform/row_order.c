/*
 * Order statistics of columns, exact, in three passes and memory that does not grow with the rows.
 *
 * Values count as float32, whose bits, made monotonic, are a number of 32 binary digits. A pass
 * looks at the next 11 of them and counts, for each prefix in which some wanted value lies, how
 * many values continue with which digits; then it is known where the wanted ones continue.
 */
#include "worker/engine/transform/row_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define LEVELS 3
#define DIGIT_VALUES 2048
#define BUDGET ((size_t)64 * 1024 * 1024)

static const int level_shift[LEVELS] = {21, 10, 0};
static const uint32_t level_mask[LEVELS] = {0x7FF, 0x7FF, 0x3FF};

struct prefix { /* one that some wanted value has */
    uint32_t count[DIGIT_VALUES];
    int32_t next[DIGIT_VALUES]; /* the prefix one digit longer; -1: nobody wants it */
};

struct wanted {
    int64_t rank; /* among the values that have the prefix */
    int32_t prefix;
    uint32_t key; /* digits found so far */
};

struct order {                     /* of one column */
    struct prefix *prefix[LEVELS]; /* owned */
    int32_t n_prefixes[LEVELS];
    struct wanted *wanted; /* owned, [2 * n_fractions]: below and above each fraction */
    int64_t n;             /* values */
};

static void order_release(struct order *order)
{
    for (int i = 0; i < LEVELS; i++)
        free(order->prefix[i]);
    free(order->wanted);
    *order = (struct order){0};
}

struct orders {
    struct order *item; /* owned, [n] */
    int64_t n;
};

static void orders_release(struct orders *orders)
{
    for (int64_t i = 0; orders->item && i < orders->n; i++)
        order_release(&orders->item[i]);
    free(orders->item);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "ordering training rows");
}

/* Rows of blocks that the stream has in all. */
static int64_t stream_rows(const struct row_stream *stream)
{
    return stream->rows->n *
           (row_stream_block_rows(stream) / applier_block_samples(stream->applier));
}

static uint32_t key_of(double value)
{
    float narrow = (float)value;
    uint32_t bits;

    memcpy(&bits, &narrow, sizeof(bits));
    return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

static double value_of(uint32_t key)
{
    uint32_t bits = key & 0x80000000U ? key & 0x7FFFFFFFU : ~key;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

/* ---- passes -----------------------------------------------------------------------------------*/

static bool add_prefix(struct order *order, int level, int32_t *ret, struct error *error)
{
    int32_t n = order->n_prefixes[level];

    /* grows when a power of two is full */
    if ((n & (n - 1)) == 0) {
        size_t room = n > 0 ? 2 * (size_t)n : 1;
        struct prefix *grown = realloc(order->prefix[level], room * sizeof(*grown));

        if (!grown)
            return no_memory(error);
        order->prefix[level] = grown;
    }
    memset(order->prefix[level][n].count, 0, sizeof(order->prefix[level][n].count));
    memset(order->prefix[level][n].next, 0xFF, sizeof(order->prefix[level][n].next));
    *ret = order->n_prefixes[level]++;
    return true;
}

static void count_values(struct order *order, int level, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t at = 0;
        uint32_t key;

        if (isnan(x[i]))
            continue;
        key = key_of(x[i]);
        for (int j = 0; j < level && at >= 0; j++)
            at = order->prefix[j][at].next[key >> level_shift[j] & level_mask[j]];
        if (at >= 0)
            order->prefix[level][at].count[key >> level_shift[level] & level_mask[level]]++;
    }
}

static bool descend(struct order *order, int level, int64_t n_wanted, struct error *error)
{
    for (int64_t i = 0; i < n_wanted; i++) {
        struct wanted *wanted = &order->wanted[i];
        struct prefix *prefix = &order->prefix[level][wanted->prefix];
        uint32_t digit = 0;

        while (wanted->rank >= prefix->count[digit])
            wanted->rank -= prefix->count[digit++];
        wanted->key |= digit << level_shift[level];
        if (level + 1 == LEVELS)
            continue;
        if (prefix->next[digit] < 0 && !add_prefix(order, level + 1, &prefix->next[digit], error))
            return false;
        wanted->prefix = prefix->next[digit];
    }
    return true;
}

/* After the first pass it is known how many values there are. */
static void rank_wanted(struct order *order, const double *fraction, int64_t n_fractions)
{
    order->n = 0;
    for (int i = 0; i < DIGIT_VALUES; i++)
        order->n += order->prefix[0]->count[i];
    for (int64_t i = 0; i < n_fractions; i++) {
        int64_t below = (int64_t)floor(fraction[i] * (double)(order->n - 1));

        order->wanted[2 * i].rank = below;
        order->wanted[2 * i + 1].rank = below + 1 < order->n ? below + 1 : below;
    }
}

static bool go_through(const struct row_stream *stream, const int64_t *column,
                       struct orders *orders, const double *fraction, int64_t n_fractions,
                       struct error *error)
{
    for (int level = 0; level < LEVELS; level++) {
        const struct block *block;
        int64_t at = 0;

        while ((block = row_stream_next(stream, &at, NULL)))
            for (int64_t i = 0; i < orders->n; i++)
                count_values(&orders->item[i], level, block_column(block, column[i]),
                             block_rows(block));
        for (int64_t i = 0; i < orders->n; i++) {
            if (level == 0)
                rank_wanted(&orders->item[i], fraction, n_fractions);
            if (orders->item[i].n > 0 && !descend(&orders->item[i], level, 2 * n_fractions, error))
                return false;
        }
    }
    return true;
}

/* ---- results ----------------------------------------------------------------------------------*/

static void interpolate(const struct order *order, const double *fraction, int64_t n_fractions,
                        double *ret)
{
    for (int64_t i = 0; i < n_fractions; i++) {
        double place = fraction[i] * (double)(order->n - 1), part = place - floor(place);
        double below = value_of(order->wanted[2 * i].key);
        double above = value_of(order->wanted[2 * i + 1].key);

        ret[i] = order->n > 0 ? below + (above - below) * part : (double)NAN;
    }
}

static bool order_group(const struct row_stream *stream, const int64_t *column, int64_t n,
                        const double *fraction, int64_t n_fractions, double *ret,
                        struct error *error)
{
    scoped(orders_release) struct orders orders = {.item = calloc((size_t)n, sizeof(*orders.item)),
                                                   .n = n};
    int32_t root;

    if (!orders.item)
        return no_memory(error);
    for (int64_t i = 0; i < n; i++) {
        struct order *order = &orders.item[i];

        order->wanted = calloc(2 * (size_t)n_fractions, sizeof(*order->wanted));
        if (!order->wanted)
            return no_memory(error);
        if (!add_prefix(order, 0, &root, error))
            return false;
    }
    if (!go_through(stream, column, &orders, fraction, n_fractions, error))
        return false;
    for (int64_t i = 0; i < n; i++)
        interpolate(&orders.item[i], fraction, n_fractions, ret + i * n_fractions);
    return true;
}

/* ---- many quantiles of few rows ---------------------------------------------------------------*/

static int by_value(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;

    return (a > b) - (a < b);
}

/* x: sorted. */
static void read_quantiles(const float *x, int64_t n, const double *fraction, int64_t n_fractions,
                           double *ret)
{
    for (int64_t i = 0; i < n_fractions; i++) {
        double place = fraction[i] * (double)(n - 1);
        int64_t below = (int64_t)floor(place), above = below + 1 < n ? below + 1 : below;

        ret[i] = n > 0 ? (double)x[below] +
                             ((double)x[above] - (double)x[below]) * (place - floor(place))
                       : (double)NAN;
    }
}

/* Where the values of the columns fit into memory, they are sorted there. */
static bool sort_group(const struct row_stream *stream, const int64_t *column, int64_t n,
                       const double *fraction, int64_t n_fractions, double *ret,
                       struct error *error)
{
    int64_t rows = stream_rows(stream), at = 0;
    scoped(memory_free) float *value = malloc((size_t)(n * rows + 1) * sizeof(*value));
    scoped(memory_free) int64_t *used = calloc((size_t)n, sizeof(*used));
    const struct block *block;

    if (!value || !used)
        return no_memory(error);
    while ((block = row_stream_next(stream, &at, NULL)))
        for (int64_t i = 0; i < n; i++) {
            const double *x = block_column(block, column[i]);

            for (int64_t k = 0; k < block_rows(block); k++)
                if (!isnan(x[k]))
                    value[i * rows + used[i]++] = (float)x[k];
        }
    for (int64_t i = 0; i < n; i++) {
        qsort(value + i * rows, (size_t)used[i], sizeof(*value), by_value);
        read_quantiles(value + i * rows, used[i], fraction, n_fractions, ret + i * n_fractions);
    }
    return true;
}

bool row_stream_quantiles(const struct row_stream *stream, const int64_t *column, int64_t n,
                          const double *fraction, int64_t n_fractions, double *ret,
                          struct error *error)
{
    size_t counted = sizeof(struct prefix) * (1 + 4 * (size_t)n_fractions);
    size_t sorted = sizeof(float) * (size_t)(stream_rows(stream) + 1);
    bool sort = sorted < counted;
    int64_t at_once = (int64_t)(BUDGET / (sort ? sorted : counted));

    at_once = at_once > 0 ? at_once : 1;
    for (int64_t i = 0; i < n; i += at_once)
        if (!(sort ? sort_group : order_group)(stream, column + i,
                                               n - i < at_once ? n - i : at_once, fraction,
                                               n_fractions, ret + i * n_fractions, error))
            return false;
    return true;
}
