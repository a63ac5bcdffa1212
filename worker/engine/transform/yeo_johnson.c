/*
 * Yeo and Johnson's power transform. With L = log(1 + |x|) and p(z) = (exp(z) - 1) / z:
 *   x >= 0: y = L p(k L), x < 0: y = -L p((2 - k) L)
 * The exponent k maximises the likelihood of a normal distribution of y,
 *   -n/2 log var(y) + (k - 1) sum sign(x) L.
 *
 * It is kept where no training value overflows, since on values far from 0 the likelihood is flat.
 *
 * Newton's method on the derivative, all columns in the same passes, the first of them over a part
 * of the rows; where a step would leave the interval in which the maximum is known to lie, that is
 * halved.
 */
#include "worker/engine/transform/yeo_johnson.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/transform/row_stream.h"

#define MOST_PASSES 60
#define LARGEST_STEP 1.0
#define CLOSE_ENOUGH 2e-4 /* a step: what is wrong after it is about its square */
#define ROUGHLY 1e-2
#define PARTS 16 /* of the rows, one of which says roughly where the maximum is */
#define SERIES_BELOW 0.05

struct yeo_johnson_config {
    struct transform_config base;
};

static const struct setting yeo_johnson_settings[] = {
    TRANSFORM_SETTINGS(struct yeo_johnson_config),
    TRANSFORM_FIT_ON(struct yeo_johnson_config),
    {0},
};

/* ---- the function -----------------------------------------------------------------------------*/

static double backward(double k, double y)
{
    double power = y >= 0 ? k : 2 - k;
    double l = power == 0 ? fabs(y) : log1p(power * fabs(y)) / power;

    return y >= 0 ? expm1(l) : -expm1(l);
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = yeo_johnson(state[0], x[i]);
}

static void unmap(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = backward(state[0], x[i]);
}

/* ---- likelihood -------------------------------------------------------------------------------*/

struct moments { /* of y and its first two derivatives by k */
    double n;
    double mean[3];
    double yy, yd, dd, ye; /* sums of products of distances from the means: y, d = y', e = y'' */
};

struct search { /* of one column */
    double k, low, high;
    double jacobian; /* sum of sign(x) L */
    struct moments moments;
    bool done;
};

/* p(z) and its first two derivatives; e = exp(z). */
static inline void power(double z, double e, double *ret)
{
    double inverse;

    if (fabs(z) < SERIES_BELOW) { /* where the differences below cancel */
        ret[0] = 1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6 * (1 + z / 7)))));
        ret[1] =
            1.0 / 2 +
            z * (1.0 / 3 +
                 z * (1.0 / 8 + z * (1.0 / 30 + z * (1.0 / 144 + z * (1.0 / 840 + z / 5760)))));
        ret[2] =
            1.0 / 3 +
            z * (1.0 / 4 +
                 z * (1.0 / 10 + z * (1.0 / 36 + z * (1.0 / 168 + z * (1.0 / 960 + z / 6480)))));
        return;
    }
    inverse = 1 / z;
    ret[0] = (e - 1) * inverse;
    ret[1] = (e - ret[0]) * inverse;
    ret[2] = (e - 2 * ret[1]) * inverse;
}

static void merge(struct moments *into, const struct moments *with)
{
    double n = into->n + with->n, weight = into->n * with->n / n, distance[3];

    for (int i = 0; i < 3; i++) {
        distance[i] = with->mean[i] - into->mean[i];
        into->mean[i] += distance[i] * with->n / n;
    }
    into->yy += with->yy + distance[0] * distance[0] * weight;
    into->yd += with->yd + distance[0] * distance[1] * weight;
    into->dd += with->dd + distance[1] * distance[1] * weight;
    into->ye += with->ye + distance[0] * distance[2] * weight;
    into->n = n;
}

struct room { /* for a block's values that are not missing, side by side */
    const struct kernel *kernel;
    double *sign, *l, *z, *e; /* owned, [rows] each, as the next: sign(x), L, z = k L or (2 - k) L,
                                 exp(z) */
    double *y[3];             /* y and its derivatives */
};

static void room_release(struct room *room)
{
    free(room->sign);
    *room = (struct room){0};
}

static bool room_make(struct room *room, size_t rows)
{
    double *at = calloc(7 * rows + 1, sizeof(*at));

    if (!at)
        return false;
    *room = (struct room){.kernel = kernel_pick(), .sign = at, .l = at + rows, .z = at + 2 * rows};
    room->e = at + 3 * rows;
    for (int j = 0; j < 3; j++)
        room->y[j] = at + (size_t)(4 + j) * rows;
    return true;
}

/* y and its derivatives of x[n]; how many values that are. */
static int64_t derive(double k, const double *x, int64_t n, struct room *room)
{
    int64_t n_values = 0;

    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            continue;
        room->sign[n_values] = x[i] >= 0 ? 1 : -1;
        room->l[n_values++] = 1 + fabs(x[i]); /* in a sum, the digits of log1p() are lost */
    }
    room->kernel->log_double(room->l, room->l, n_values);
    for (int64_t i = 0; i < n_values; i++)
        room->z[i] = (room->sign[i] > 0 ? k : 2 - k) * room->l[i];
    room->kernel->exp_double(room->e, room->z, n_values);
    for (int64_t i = 0; i < n_values; i++) {
        double l = room->l[i], sign = room->sign[i], p[3];

        power(room->z[i], room->e[i], p);
        room->y[0][i] = sign * l * p[0];
        room->y[1][i] = l * l * p[1];
        room->y[2][i] = sign * (l * l * l * p[2]);
    }
    return n_values;
}

static void look(struct search *search, const double *x, int64_t n, struct room *room)
{
    int64_t n_values = derive(search->k, x, n, room);
    struct moments here = {.n = (double)n_values};

    if (n_values == 0)
        return;
    for (int64_t i = 0; i < n_values; i++) {
        search->jacobian += room->sign[i] * room->l[i];
        for (int j = 0; j < 3; j++)
            here.mean[j] += room->y[j][i];
    }
    for (int j = 0; j < 3; j++)
        here.mean[j] /= here.n;
    for (int64_t i = 0; i < n_values; i++) {
        double y = room->y[0][i] - here.mean[0], d = room->y[1][i] - here.mean[1];

        here.yy += y * y;
        here.yd += y * d;
        here.dd += d * d;
        here.ye += y * (room->y[2][i] - here.mean[2]);
    }
    merge(&search->moments, &here);
}

/* Moves k to where the derivative of the likelihood seems to be 0. */
static void step(struct search *search, double close_enough)
{
    const struct moments *m = &search->moments;
    double slope = -m->n * m->yd / m->yy + search->jacobian;
    double ratio = 2 * m->yd / m->yy;
    double bend = -m->n / 2 * (2 * (m->dd + m->ye) / m->yy - ratio * ratio);
    double wish = bend < 0 ? -slope / bend : slope > 0 ? LARGEST_STEP : -LARGEST_STEP;
    double to;

    if (slope > 0)
        search->low = search->k;
    else
        search->high = search->k;
    wish = fmax(-LARGEST_STEP, fmin(LARGEST_STEP, wish));
    to = search->k + wish;
    search->done = !(fabs(wish) >= close_enough);
    if (!(to > search->low && to < search->high) && !search->done) {
        to = (search->low + search->high) / 2;
        search->done = search->high - search->low < close_enough;
    }
    search->k = isfinite(to) ? to : search->k;
}

/* ---- fitting ----------------------------------------------------------------------------------*/

/* Looks at one block of every `part`. */
static bool pass(const struct fitting *fitting, struct search *search, int64_t part,
                 double close_enough, struct room *room)
{
    const struct transform *transform = fitting->transform;
    int64_t skip = (part - 1) * applier_block_samples(fitting->rows->applier);
    const struct block *block;
    int64_t at = 0;
    bool done = true;

    for (int64_t i = 0; i < transform->n_columns; i++) {
        search[i].moments = (struct moments){0};
        search[i].jacobian = 0;
    }
    while ((block = row_stream_next(fitting->rows, &at, NULL))) {
        for (int64_t i = 0; i < transform->n_columns; i++)
            if (!search[i].done)
                look(&search[i], block_column(block, transform->column[i]), block_rows(block),
                     room);
        at = at + skip < fitting->rows->rows->n ? at + skip : fitting->rows->rows->n;
    }
    for (int64_t i = 0; i < transform->n_columns; i++) {
        if (search[i].done)
            continue;
        /* a constant has no shape */
        if (search[i].moments.yy > 0)
            step(&search[i], close_enough);
        else
            search[i].done = true;
        done = done && search[i].done;
    }
    return done;
}

/* From where k is; the interval is that in which no training value overflows. */
static void find(const struct fitting *fitting, struct search *search,
                 const struct column_figures *figures, int64_t part, double close_enough,
                 struct room *room)
{
    bool done = false;

    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        search[i] = (struct search){
            .k = search[i].k,
            .low = fmax(-YEO_JOHNSON_HIGHEST,
                        2 - YEO_JOHNSON_HIGHEST / log1p(fmax(0, -figures[i].minimum))),
            .high = fmin(YEO_JOHNSON_HIGHEST,
                         YEO_JOHNSON_HIGHEST / log1p(fmax(0, figures[i].maximum)))};
    for (int i = 0; i < MOST_PASSES && !done; i++)
        done = pass(fitting, search, part, close_enough, room);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;
    size_t rows = (size_t)row_stream_block_rows(fitting->rows);
    int64_t blocks = fitting->rows->rows->n / applier_block_samples(fitting->rows->applier);
    scoped(memory_free) struct search *search =
        calloc((size_t)transform->n_columns + 1, sizeof(*search));
    scoped(room_release) struct room room = {0};
    scoped(memory_free) struct column_figures *figures =
        calloc((size_t)transform->n_columns + 1, sizeof(*figures));

    if (!search || !figures || !room_make(&room, rows))
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!transform_give_state(transform, 1, error) ||
        !row_stream_figures(fitting->rows, transform->column, transform->n_columns, figures, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        search[i].k = 1;
    if (blocks > 2 * PARTS)
        find(fitting, search, figures, PARTS, ROUGHLY, &room);
    find(fitting, search, figures, 1, CLOSE_ENOUGH, &room);
    for (int64_t i = 0; i < transform->n_columns; i++)
        transform_state(transform, i)[0] = search[i].k;
    return true;
}

const struct transform_kind transform_yeo_johnson = {
    .kind = {.name = "yeo_johnson",
             .help = "Yeo and Johnson's power transform, with the exponent that makes each column "
                     "most like a normal distribution. Has an inverse.",
             .config_size = sizeof(struct yeo_johnson_config),
             .settings = yeo_johnson_settings},
    .n_state = 1,
    .fit = fit,
    .map = map,
    .unmap = unmap,
};
