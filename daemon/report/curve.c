/*
 * A learning curve, where a batch varies nothing but how many rows train (rows or share of a subset
 * in prepare): the score as a + b n^-c, which is how most of them go (Cortes, Jackel, Solla, Vapnik
 * and Denker: "Learning curves: asymptotic values and rate of convergence", NIPS 1993), and what
 * that says of more rows than were tried.
 *
 * For each exponent c the best a and b are a straight line's; the c with the least squares is
 * looked for on a grid. What the score comes to, a, is within what the metric can be.
 */
#include "daemon/report/summary.h"

#include "common/owner.h"

#include <math.h>
#include <string.h>

#define POINTS_LEAST 4 /* one more than what is fitted */
#define POINTS_MOST 100
#define EXPONENT_LEAST 0.05
#define EXPONENT_MOST 3.0
#define EXPONENT_STEP 0.01

struct point {
    double n, score, weight; /* rows or their share; mean of so many replicates */
};

struct limits { /* of a score */
    double low, high;
};

struct curve {
    struct limits limits;
    struct point point[POINTS_MOST];
    int n;
    double largest;
    double a, b, c, squares; /* as fitted; the weighted squares that are left */
};

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);

    return size >= tail && strcmp(text + size - tail, end) == 0;
}

/* The only parameter, where it says how many rows train. */
static const char *size_of(const struct summary *summary, bool *ret_share)
{
    const cJSON *parameters = summary->n > 0 ? summary->group[0].parameters : NULL;
    const char *name =
        parameters && cJSON_GetArraySize(parameters) == 1 ? parameters->child->string : NULL;

    *ret_share = name && ends_in(name, ".share");
    return name && strncmp(name, "prepare", strlen("prepare")) == 0 &&
                   (*ret_share || ends_in(name, ".rows"))
               ? name
               : NULL;
}

/* Marked numbers say nothing of more rows. */
static void collect(const struct summary *summary, const char *name, struct curve *curve)
{
    for (size_t i = 0; i < summary->n && curve->n < POINTS_MOST; i++) {
        const struct summary_group *group = &summary->group[i];
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(group->parameters, name);

        if (group->n == 0 || cJSON_GetArraySize(group->marks) > 0 || !cJSON_IsNumber(value) ||
            !(value->valuedouble > 0))
            continue;
        curve->point[curve->n++] =
            (struct point){value->valuedouble, summary_mean(group), (double)group->n};
        curve->largest = fmax(curve->largest, value->valuedouble);
    }
}

/* What metrics can be, by the end of their names. */
static const struct {
    const char *metric;
    struct limits limits;
} known[] = {
    {"accuracy", {0, 1}},
    {"auc", {0, 1}},
    {"average_precision", {0, 1}},
    {"coverage", {0, 1}},
    {"crps", {0, INFINITY}},
    {"crps_quadrature", {0, INFINITY}},
    {"ece", {0, 1}},
    {"f1", {0, 1}},
    {"kappa", {-1, 1}},
    {"log_loss", {0, INFINITY}},
    {"log_loss_class", {0, INFINITY}},
    {"mae", {0, INFINITY}},
    {"mcc", {-1, 1}},
    {"pinball", {0, INFINITY}},
    {"r2", {-INFINITY, 1}},
    {"rmse", {0, INFINITY}},
    {"width", {0, INFINITY}},
};

static const struct limits any = {-INFINITY, INFINITY};

/* test.top_5_accuracy, valid.pinball[0.1]: what stands in brackets is another name. */
static struct limits limits_by_name(const char *metric)
{
    size_t length = strcspn(metric, "[");

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t size = strlen(known[i].metric), before = length - size;

        if (length >= size && strncmp(metric + before, known[i].metric, size) == 0 &&
            (before == 0 || strchr("._", metric[before - 1])))
            return known[i].limits;
    }
    return any;
}

static struct limits scaled(struct limits limits, double factor)
{
    double low = limits.low * factor, high = limits.high * factor;

    return (struct limits){fmin(low, high), fmax(low, high)};
}

/* A command's accuracy may well be in percent. */
static struct limits limits_of(const struct curve *curve, const struct summary *summary)
{
    struct limits limits = scaled(limits_by_name(summary->reported.name), summary->factor);

    for (int i = 0; i < curve->n; i++)
        if (curve->point[i].score < limits.low || curve->point[i].score > limits.high)
            return any;
    return limits;
}

static double within(const struct limits *limits, double score)
{
    return fmin(fmax(score, limits->low), limits->high);
}

struct sums { /* weighted, of x = n^-c and the score y */
    double weight, x, y, xx, xy;
};

static struct sums add_up(const struct curve *curve, double c, double x_from, double y_from)
{
    struct sums sums = {0};

    for (int i = 0; i < curve->n; i++) {
        const struct point *point = &curve->point[i];
        double x = pow(point->n / curve->largest, -c) - x_from, y = point->score - y_from;

        sums.weight += point->weight;
        sums.x += point->weight * x;
        sums.y += point->weight * y;
        sums.xx += point->weight * x * x;
        sums.xy += point->weight * x * y;
    }
    return sums;
}

/* The line through (n^-c, score), and what it leaves. False: there is none. */
static bool fit_line(const struct curve *curve, double c, double *ret_a, double *ret_b,
                     double *ret_squares)
{
    struct sums sums = add_up(curve, c, 0, 0);
    double x = sums.x / sums.weight, y = sums.y / sums.weight, squares = 0;

    sums = add_up(curve, c, x, y);
    if (!(sums.xx > 0))
        return false;
    *ret_a = y - sums.xy / sums.xx * x;
    if (*ret_a != within(&curve->limits, *ret_a)) {
        *ret_a = within(&curve->limits, *ret_a);
        sums = add_up(curve, c, 0, *ret_a);
    }
    *ret_b = sums.xy / sums.xx;
    for (int i = 0; i < curve->n; i++) {
        const struct point *point = &curve->point[i];
        double left = point->score - *ret_a - *ret_b * pow(point->n / curve->largest, -c);

        squares += point->weight * left * left;
    }
    *ret_squares = squares / sums.weight;
    return isfinite(squares);
}

static bool fit(struct curve *curve)
{
    bool found = false;

    for (int i = 0; EXPONENT_LEAST + i * EXPONENT_STEP <= EXPONENT_MOST; i++) {
        double c = EXPONENT_LEAST + i * EXPONENT_STEP, a, b, squares;

        if (!fit_line(curve, c, &a, &b, &squares) || (found && squares >= curve->squares))
            continue;
        curve->a = a;
        curve->b = b;
        curve->c = c;
        curve->squares = squares;
        found = true;
    }
    return found;
}

static double score_at(const struct curve *curve, double n)
{
    return within(&curve->limits, curve->a + curve->b * pow(n / curve->largest, -curve->c));
}

static bool say(const struct summary *summary, const struct curve *curve, bool share,
                struct buffer *out, struct error *error)
{
    const char *metric = summary->metric.name;

    if (!buffer_append_format(out, error,
                              "learning curve: %s goes as %.4g %c %.3g n^-%.2f, within "
                              "%.2g; by that ",
                              metric, curve->a, curve->b < 0 ? '-' : '+',
                              fabs(curve->b) * pow(curve->largest, curve->c), curve->c,
                              sqrt(curve->squares)))
        return false;
    if (share && curve->largest < 1)
        return buffer_append_format(out, error, "%.4g with all rows", score_at(curve, 1));
    return buffer_append_format(out, error, "%.4g with twice as many rows, %.4g with ten times",
                                score_at(curve, 2 * curve->largest),
                                score_at(curve, 10 * curve->largest));
}

bool summary_extrapolate(const struct summary *summary, cJSON *list, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    struct curve curve = {0};
    bool share;
    const char *name = size_of(summary, &share);

    if (!name)
        return true;
    collect(summary, name, &curve);
    curve.limits = limits_of(&curve, summary);
    if (curve.n < POINTS_LEAST || !fit(&curve))
        return true;
    if (!say(summary, &curve, share, &text, error))
        return false;
    return cJSON_AddItemToArray(list, cJSON_CreateString(text.data)) ||
           error_set(error, ERROR_NO_MEMORY, "reporting");
}
