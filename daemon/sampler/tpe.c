/*
 * A tree of Parzen estimators (Bergstra and others, 2011), each parameter by itself.
 *
 * What was tried is parted into the best, min(ceil(0.15 n), 25) of the n with a score, and the
 * others; what has no score yet, or failed, is of the others, so that runs side by side do not try
 * the same. Of each part a density over the range laid on [0, 1] is made:
 *
 *   a range    the mean of normal densities about what was tried, and of one about the middle that
 *              is as wide as the range; a density is as wide as the gap to its farther neighbour,
 *              within [1 / min(100, m + 1), 1], m the places of the part
 *   a choice   how often each was tried, and 1
 *
 * Of some candidates from the density of the good that one is taken for which it exceeds the other
 * one most. A proposal is a function of (seed, trial, what is known).
 *
 * Where the space is finite, what was tried is drawn again, and after some such draws the next one
 * in the order of a grid is taken: as long as there is one, nothing is tried twice.
 */
#include "common/owner.h"
#include "common/random.h"
#include "daemon/parameter.h"
#include "daemon/sampler/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define GOOD_SHARE 0.15
#define GOOD_MOST 25
#define DRAWS_MOST 16     /* before what was not tried is looked for in order */
#define STEPS_MOST 100000 /* of that */
#define COUNTABLE 9007199254740992.0

struct tpe_config {
    int64_t start, candidates;
};

static const struct setting tpe_settings[] = {
    SETTING_INTEGER(struct tpe_config, start, 10, 1, 1000000, "trials",
                    "Trials that are drawn at random first."),
    SETTING_INTEGER(struct tpe_config, candidates, 24, 1, 10000, "",
                    "Of how many candidates the most promising one is tried."),
    {0},
};

/* ---- parting ----------------------------------------------------------------------------------*/

static int compare(const struct sampler_trial *a, const struct sampler_trial *b, int direction)
{
    if (isnan(a->value) || isnan(b->value))
        return isnan(a->value) - isnan(b->value);
    if (a->value != b->value)
        return direction * (a->value > b->value ? 1 : -1);
    return (a->number > b->number) - (a->number < b->number);
}

static int lowest_first(const void *a, const void *b)
{
    return compare(a, b, 1);
}

static int highest_first(const void *a, const void *b)
{
    return compare(a, b, -1);
}

struct parted {
    struct sampler_trial *trial; /* owned: best first */
    size_t n, n_good;
};

static void parted_release(struct parted *parted)
{
    free(parted->trial);
}

static bool part(const struct sampler_history *history, struct parted *ret, struct error *error)
{
    size_t known = 0;

    ret->n = history->n;
    ret->trial = calloc(history->n + 1, sizeof(*ret->trial));
    if (!ret->trial)
        return error_set(error, ERROR_NO_MEMORY, "proposing a trial");
    for (size_t i = 0; i < history->n; i++) {
        ret->trial[i] = history->trial[i];
        known += !isnan(history->trial[i].value);
    }
    qsort(ret->trial, ret->n, sizeof(*ret->trial),
          history->minimize ? lowest_first : highest_first);
    ret->n_good = (size_t)ceil(GOOD_SHARE * (double)known);
    ret->n_good = ret->n_good < GOOD_MOST ? ret->n_good : GOOD_MOST;
    return true;
}

/* ---- densities --------------------------------------------------------------------------------*/

struct density {     /* over [0, 1], or of `n` choices */
    double *at, *sd; /* owned, [n]; of choices at: how often, sd: not read */
    size_t n;
    bool choice;
};

static void density_release(struct density *density)
{
    free(density->at);
    free(density->sd);
}

static int by_place(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static double clip(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

/* Places are in order; the prior stands behind them. */
static void set_widths(struct density *density, size_t n)
{
    double least = 1 / fmin(100, (double)n + 1);

    for (size_t i = 0; i < n; i++) {
        double below = density->at[i] - (i > 0 ? density->at[i - 1] : 0);
        double above = (i + 1 < n ? density->at[i + 1] : 1) - density->at[i];

        density->sd[i] = clip(fmax(below, above), least, 1);
    }
    density->at[n] = 0.5;
    density->sd[n] = 1;
}

static bool estimate(const struct sampler_parameter *parameter, const struct sampler_trial *trial,
                     size_t n_trials, struct density *ret, struct error *error)
{
    size_t n = 0, room = n_trials + 1;

    ret->choice = parameter->form == SAMPLER_CHOICE;
    if (ret->choice)
        room = (size_t)parameter->n_values;
    ret->at = calloc(room + 1, sizeof(*ret->at));
    ret->sd = calloc(room + 1, sizeof(*ret->sd));
    if (!ret->at || !ret->sd)
        return error_set(error, ERROR_NO_MEMORY, "proposing a trial");
    for (size_t i = 0; i < n_trials; i++) {
        double place =
            sampler_parameter_place(parameter, json_member(trial[i].parameters, parameter->name));

        if (isnan(place)) /* of another space */
            continue;
        if (ret->choice)
            ret->at[(size_t)(place * (double)room)]++;
        else
            ret->at[n++] = place;
    }
    ret->n = ret->choice ? room : n + 1;
    if (!ret->choice) {
        qsort(ret->at, n, sizeof(*ret->at), by_place);
        set_widths(ret, n);
    }
    return true;
}

static double normal_mass(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2);
}

/* Of a normal density that ends at 0 and 1. */
static double truncated(double x, double at, double sd)
{
    double mass = normal_mass((1 - at) / sd) - normal_mass(-at / sd), z = (x - at) / sd;

    return exp(-0.5 * z * z) / (sd * mass);
}

static double value_at(const struct density *density, double x)
{
    double sum = 0;

    if (density->choice) {
        for (size_t i = 0; i < density->n; i++)
            sum += density->at[i] + 1;
        return (density->at[(size_t)(x * (double)density->n)] + 1) / sum;
    }
    for (size_t i = 0; i < density->n; i++)
        sum += truncated(x, density->at[i], density->sd[i]);
    return sum / (double)density->n;
}

/* ---- what was tried ---------------------------------------------------------------------------*/

struct tried {     /* of a finite space */
    double *place; /* owned: in the order of a grid, ascending, none twice */
    size_t n;      /* 0 where there is nothing else to try */
    double size;   /* of the space; 0: it is not finite */
};

static void tried_release(struct tried *tried)
{
    free(tried->place);
}

/* NaN: the parameter has no such value. */
static double index_of(const struct sampler_parameter *parameter, const cJSON *value)
{
    double place = sampler_parameter_place(parameter, value);

    if (parameter->log && !isnan(place)) /* equal shares of the logarithm are no values */
        return parameter_value(value)->valuedouble - parameter->low;
    return floor(place * (double)sampler_parameter_count(parameter));
}

static double grid_place(const struct sampler_space *space, const cJSON *parameters)
{
    double place = 0;

    for (size_t i = 0; i < space->n; i++) {
        const struct sampler_parameter *parameter = &space->parameter[i];

        place = place * (double)sampler_parameter_count(parameter) +
                index_of(parameter, json_member(parameters, parameter->name));
    }
    return place;
}

static bool list_tried(const struct sampler_space *space, const struct sampler_history *history,
                       struct tried *ret, struct error *error)
{
    size_t n = 0;

    ret->size = 1;
    for (size_t i = 0; i < space->n; i++)
        ret->size *= (double)sampler_parameter_count(&space->parameter[i]);
    if (ret->size == 0 || ret->size > COUNTABLE) {
        ret->size = 0;
        return true;
    }
    ret->place = calloc(history->n + 1, sizeof(*ret->place));
    if (!ret->place)
        return error_set(error, ERROR_NO_MEMORY, "proposing a trial");
    for (size_t i = 0; i < history->n; i++) {
        double place = grid_place(space, history->trial[i].parameters);

        if (!isnan(place)) /* of another space */
            ret->place[n++] = place;
    }
    qsort(ret->place, n, sizeof(*ret->place), by_place);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || ret->place[i] != ret->place[ret->n - 1])
            ret->place[ret->n++] = ret->place[i];
    if ((double)ret->n == ret->size)
        ret->n = 0;
    return true;
}

static bool was_tried(const struct sampler_space *space, const struct tried *tried,
                      const cJSON *parameters)
{
    double place = tried->n > 0 ? grid_place(space, parameters) : 0;

    return tried->n > 0 && bsearch(&place, tried->place, tried->n, sizeof(place), by_place) != NULL;
}

static void forget(cJSON *parameters)
{
    while (parameters->child)
        cJSON_Delete(cJSON_DetachItemViaPointer(parameters, parameters->child));
}

static bool put_at(const struct sampler_space *space, double place, cJSON *parameters,
                   struct error *error)
{
    forget(parameters);
    return sampler_grid.propose(space, (int64_t)place, parameters, error);
}

/* The first one that was not tried, from a place that the trial names; `parameters` stay what they
 * are where there is none. */
static bool take_next(const struct sampler_space *space, int64_t trial, const struct tried *tried,
                      cJSON *parameters, struct error *error)
{
    double here = grid_place(space, parameters);
    double start = floor(tried->size * random_uniform(space->seed, 0, (uint64_t)trial,
                                                      random_purpose("tpe", "next")));

    for (double i = 0; i < tried->size && i < STEPS_MOST; i++) {
        if (!put_at(space, fmod(start + i, tried->size), parameters, error))
            return false;
        if (!was_tried(space, tried, parameters))
            return true;
    }
    return put_at(space, here, parameters, error);
}

/* What was drawn at the submission, where it was not tried meanwhile. */
static bool keep_draw(const struct sampler_sweep *sweep, int64_t trial, const struct tried *tried,
                      cJSON *parameters, bool *ret_done, struct error *error)
{
    if (!sweep->method->propose(&sweep->space, trial, parameters, error))
        return false;
    *ret_done = was_tried(&sweep->space, tried, parameters);
    return !*ret_done || take_next(&sweep->space, trial, tried, parameters, error);
}

/* ---- drawing ----------------------------------------------------------------------------------*/

struct draw {
    uint64_t seed, trial, first; /* first: of its numbers */
    uint32_t purpose;
};

static double uniform(const struct draw *draw, int64_t number)
{
    return random_uniform(draw->seed, draw->first + (uint64_t)number, draw->trial, draw->purpose);
}

static double draw_choice(const struct density *density, double u)
{
    double sum = 0, passed = 0;

    for (size_t i = 0; i < density->n; i++)
        sum += density->at[i] + 1;
    for (size_t i = 0; i < density->n; i++) {
        passed += (density->at[i] + 1) / sum;
        if (u < passed)
            return ((double)i + 0.5) / (double)density->n;
    }
    return 1 - 0.5 / (double)density->n;
}

/* The place where the truncated density has so much of its mass below. */
static double draw_normal(double at, double sd, double u)
{
    double low = 0, high = 1;
    double first = normal_mass(-at / sd), all = normal_mass((1 - at) / sd) - first;

    for (int i = 0; i < 50; i++) {
        double middle = (low + high) / 2;

        if ((normal_mass((middle - at) / sd) - first) / all < u)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double draw_from(const struct density *density, const struct draw *draw, int64_t number)
{
    size_t which;

    if (density->choice)
        return draw_choice(density, uniform(draw, 2 * number));
    which = (size_t)(uniform(draw, 2 * number) * (double)density->n);
    return draw_normal(density->at[which], density->sd[which], uniform(draw, 2 * number + 1));
}

struct turn { /* the number-th draw of a trial */
    int64_t trial, number;
};

static bool choose(const struct sampler_sweep *sweep, const struct sampler_parameter *parameter,
                   const struct parted *parted, const struct turn *turn, double *ret_place,
                   struct error *error)
{
    const struct tpe_config *config = sweep->config.method.config;
    const struct draw draw = {.seed = sweep->space.seed,
                              .trial = (uint64_t)turn->trial,
                              .first = (uint64_t)(2 * config->candidates * turn->number),
                              .purpose = random_purpose("tpe", parameter->name)};
    scoped(density_release) struct density good = {0}, others = {0};
    double best = -INFINITY;

    if (!estimate(parameter, parted->trial, parted->n_good, &good, error) ||
        !estimate(parameter, parted->trial + parted->n_good, parted->n - parted->n_good, &others,
                  error))
        return false;
    for (int64_t i = 0; i < config->candidates; i++) {
        double place = draw_from(&good, &draw, i);
        double gain = log(value_at(&good, place)) - log(value_at(&others, place));

        if (gain > best) {
            best = gain;
            *ret_place = place;
        }
    }
    return true;
}

static bool draw_trial(const struct sampler_sweep *sweep, const struct parted *parted,
                       const struct turn *turn, cJSON *parameters, struct error *error)
{
    for (size_t i = 0; i < sweep->space.n; i++) {
        const struct sampler_parameter *parameter = &sweep->space.parameter[i];
        double place = 0.5;
        cJSON *value;

        if (!choose(sweep, parameter, parted, turn, &place, error))
            return false;
        value = sampler_parameter_at(parameter, place);
        if (!value || !json_add_item(parameters, parameter->name, &value))
            return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, turn->trial);
    }
    return true;
}

static bool tpe_improve(const struct sampler_sweep *sweep, int64_t trial,
                        const struct sampler_history *history, cJSON *parameters, bool *ret_done,
                        struct error *error)
{
    const struct tpe_config *config = sweep->config.method.config;
    scoped(parted_release) struct parted parted = {0};
    scoped(tried_release) struct tried tried = {0};
    struct turn turn = {.trial = trial};
    bool again;

    if (!part(history, &parted, error) || !list_tried(&sweep->space, history, &tried, error))
        return false;
    if (trial < config->start || parted.n_good == 0)
        return keep_draw(sweep, trial, &tried, parameters, ret_done, error);
    *ret_done = true;
    do {
        forget(parameters);
        if (!draw_trial(sweep, &parted, &turn, parameters, error))
            return false;
        again = was_tried(&sweep->space, &tried, parameters);
    } while (again && ++turn.number < DRAWS_MOST);
    return !again || take_next(&sweep->space, trial, &tried, parameters, error);
}

static bool tpe_count(const struct sampler_space *space, int64_t *ret_trials, struct error *error)
{
    return sampler_random.count(space, ret_trials, error);
}

static bool tpe_propose(const struct sampler_space *space, int64_t trial, cJSON *parameters,
                        struct error *error)
{
    return sampler_random.propose(space, trial, parameters, error);
}

const struct sampler_kind sampler_tpe = {
    .kind = {.name = "tpe",
             .help = "Draws that learn: when a trial begins it takes values that were better so "
                     "far (a tree of Parzen estimators).",
             .config_size = sizeof(struct tpe_config),
             .settings = tpe_settings},
    .count = tpe_count,
    .propose = tpe_propose,
    .improve = tpe_improve,
};
