#include "worker/engine/optimizer/update.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/arena.h"

static const struct optimizer_kind *kind_of(const struct update_plan *plan)
{
    return (const struct optimizer_kind *)plan->optimizer->kind;
}

int update_arenas(const struct update_plan *plan)
{
    if (!plan->optimizer)
        return 0;
    return kind_of(plan)->moments(plan->optimizer->config) + (plan->average > 0);
}

void update_release(struct update *update)
{
    for (int i = 0; i < update->n_moments; i++)
        free(update->moment[i]);
    free(update->average);
    free(update->group);
    free(update->slice);
    *update = (struct update){0};
}

/* ---- which parameters are treated alike ---- */

static bool concerns(const struct kind_choice *rule, const struct update_parameter *parameter)
{
    const struct rule_kind *kind = (const struct rule_kind *)rule->kind;
    const char *match = ((const struct rule_match *)rule->config)->match;

    return match ? fnmatch(match, parameter->name, 0) == 0
                 : !(kind->weights_only && parameter->is_vector);
}

static bool same_treatment(const struct treatment *a, const struct treatment *b)
{
    return a->rate == b->rate && a->l1 == b->l1 && a->l2 == b->l2 &&
           a->frozen_epochs == b->frozen_epochs;
}

/* Where rules speak of it, in their order; each rule that spoke is marked. */
static struct treatment treatment_of(const struct update_plan *plan,
                                     const struct update_parameter *parameter, bool *spoke)
{
    struct treatment treatment = {.rate = 1};

    for (size_t i = 0; plan->rules && i < plan->rules->n; i++) {
        const struct kind_choice *rule = &plan->rules->item[i];

        if (!concerns(rule, parameter))
            continue;
        ((const struct rule_kind *)rule->kind)->apply(rule->config, &treatment);
        spoke[i] = true;
    }
    return treatment;
}

static int group_of(struct update *update, const struct treatment *treatment)
{
    int i = 0;

    while (i < update->n_groups && !same_treatment(&update->group[i].treatment, treatment))
        i++;
    if (i == update->n_groups)
        update->group[update->n_groups++] = (struct update_group){.treatment = *treatment};
    return i;
}

static void add_slice(struct update *update, const struct update_parameter *parameter, int group)
{
    struct update_slice *last = update->n_slices > 0 ? &update->slice[update->n_slices - 1] : NULL;

    if (last && last->group == group)
        last->n += parameter->elements;
    else
        update->slice[update->n_slices++] = (struct update_slice){
            .offset = parameter->offset, .n = parameter->elements, .group = group};
}

static bool check_groups(const struct update *update, const bool *spoke, struct error *error)
{
    const struct kind_choices *rules = update->plan.rules;
    bool moves = update->n_groups == 0; /* nothing to move is not this one's business */

    for (size_t i = 0; rules && i < rules->n; i++) {
        const char *match = ((const struct rule_match *)rules->item[i].config)->match;
        char path[64];

        if (spoke[i])
            continue;
        (void)snprintf(path, sizeof(path), "train.parameters[%zu].match", i);
        return error_set_at(error, ERROR_INVALID, path, "the model has no parameter %s",
                            match ? match : "with weights");
    }
    for (int i = 0; i < update->n_groups; i++)
        moves = moves || update->group[i].treatment.frozen_epochs != RULE_FOREVER;
    if (!moves)
        return error_set_at(error, ERROR_INVALID, "train.parameters",
                            "every parameter is frozen: nothing is left to train");
    return true;
}

static bool make_groups(struct update *update, const struct update_parameter *parameter, int n,
                        struct error *error)
{
    size_t n_rules = update->plan.rules ? update->plan.rules->n : 0;
    scoped(memory_free) bool *spoke = calloc(n_rules + 1, sizeof(*spoke));

    update->group = calloc((size_t)n + 1, sizeof(*update->group));
    update->slice = calloc((size_t)n + 1, sizeof(*update->slice));
    if (!spoke || !update->group || !update->slice)
        return error_set(error, ERROR_NO_MEMORY, "preparing to train");
    for (int i = 0; i < n; i++) {
        const struct treatment treatment = treatment_of(&update->plan, &parameter[i], spoke);

        add_slice(update, &parameter[i], group_of(update, &treatment));
    }
    return check_groups(update, spoke, error);
}

bool update_check(const struct update_plan *plan, const struct update_parameter *parameter,
                  int n_parameters, struct error *error)
{
    scoped(update_release) struct update update = {.plan = *plan};

    return make_groups(&update, parameter, n_parameters, error);
}

bool update_init(struct update *ret_update, const struct update_plan *plan,
                 const struct update_parameter *parameter, int n_parameters, int64_t n_elements,
                 struct error *error)
{
    scoped(update_release) struct update update = {.plan = *plan, .n_elements = n_elements};
    bool complete = true;

    if (update.plan.accumulate < 1)
        update.plan.accumulate = 1;
    if (!make_groups(&update, parameter, n_parameters, error))
        return false;
    update.n_moments = kind_of(plan)->moments(plan->optimizer->config);
    for (int i = 0; i < update.n_moments; i++) {
        update.moment[i] = arena_allocate(n_elements);
        complete = complete && update.moment[i];
    }
    if (plan->average > 0) {
        update.average = arena_allocate(n_elements);
        complete = complete && update.average;
    }
    if (!complete)
        return error_set(error, ERROR_NO_MEMORY, "preparing to train");
    *ret_update = update;
    update = (struct update){0};
    return true;
}

static bool speaks_of_weights(const struct kind_choice *rule)
{
    return ((const struct rule_kind *)rule->kind)->weights_only &&
           !((const struct rule_match *)rule->config)->match;
}

/* Weights of one column were once in the biases' groups where a rule is for all weights: what was
 * written then is no place to go on from. */
static const char *name_of_groups(const struct kind_choices *rules)
{
    for (size_t i = 0; rules && i < rules->n; i++)
        if (speaks_of_weights(&rules->item[i]))
            return "groups of all weights";
    return "groups";
}

bool update_declare(struct update *update, real *gradient, struct state *state, struct error *error)
{
    size_t size = (size_t)update->n_elements * sizeof(real);
    char name[STATE_NAME_SIZE];

    for (int i = 0; i < update->n_moments; i++) {
        (void)snprintf(name, sizeof(name), "moment%d", i + 1);
        if (!state_add(state, name, update->moment[i], size, error))
            return false;
    }
    return state_add(state, "update", &update->at, sizeof(update->at), error) &&
           state_add(state, name_of_groups(update->plan.rules), update->group,
                     (size_t)update->n_groups * sizeof(*update->group), error) &&
           (!update->average || state_add(state, "average", update->average, size, error)) &&
           (update->plan.accumulate == 1 || state_add(state, "gradient", gradient, size, error));
}

/* ---- an update ---- */

static const struct treatment *treatment_at(const struct update *update, int64_t offset)
{
    const struct update_slice *slice = update->slice;

    while (offset >= slice->offset + slice->n)
        slice++;
    return &update->group[slice->group].treatment;
}

bool update_frozen(const struct update *update, int64_t offset, int64_t epoch)
{
    return epoch < treatment_at(update, offset)->frozen_epochs;
}

static void clip_values(real *gradient, int64_t n, real most)
{
    for (int64_t i = 0; i < n; i++) {
        real g = gradient[i];

        /* what is not a number passes both, and is seen */
        g = g > most ? most : g;
        gradient[i] = g < -most ? -most : g;
    }
}

static void scale(real *gradient, int64_t n, real factor)
{
    for (int64_t i = 0; i < n; i++)
        gradient[i] *= factor;
}

static double length(const real *x, int64_t n)
{
    double part[8] = {0}, sum = 0;

    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            part[k] += (double)x[i + k] * (double)x[i + k];
    for (int64_t i = n / 8 * 8; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (int k = 0; k < 8; k++)
        sum += part[k];
    return sqrt(sum);
}

static void clip(const struct update *update, real *gradient)
{
    const struct clip_config *clip = &update->plan.clip;

    if (clip->value > 0)
        clip_values(gradient, update->n_elements, (real)clip->value);
    if (clip->norm > 0) {
        double factor = clip->norm / (length(gradient, update->n_elements) + 1e-6);

        if (factor < 1)
            scale(gradient, update->n_elements, (real)factor);
    }
}

static void regularise(const struct treatment *treatment, const real *value, real *gradient,
                       int64_t n)
{
    real l1 = (real)treatment->l1, l2 = (real)treatment->l2;

    if (l2 > 0)
        for (int64_t i = 0; i < n; i++)
            gradient[i] += l2 * value[i];
    if (l1 > 0)
        for (int64_t i = 0; i < n; i++)
            gradient[i] += value[i] > 0 ? l1 : (value[i] < 0 ? -l1 : 0);
}

static void begin_groups(struct update *update, int64_t epoch)
{
    const struct optimizer_kind *kind = kind_of(&update->plan);

    for (int i = 0; i < update->n_groups; i++) {
        struct update_group *group = &update->group[i];

        if (epoch < group->treatment.frozen_epochs)
            continue;
        group->memory.updates++;
        if (kind->begin)
            kind->begin(update->plan.optimizer->config, &group->memory);
    }
}

static void move_slice(const struct update *update, const struct update_slice *slice, real *value,
                       real *gradient, const struct update_moment *moment)
{
    const struct update_group *group = &update->group[slice->group];
    struct optimizer_step step = {
        .kernel = moment->kernel,
        .value = value + slice->offset,
        .gradient = gradient + slice->offset,
        .n = slice->n,
        .memory = &group->memory,
        .rate_scale = moment->rate_scale * group->treatment.rate,
    };

    for (int i = 0; i < update->n_moments; i++)
        step.moment[i] = update->moment[i] + slice->offset;
    regularise(&group->treatment, step.value, step.gradient, step.n);
    kind_of(&update->plan)->step(update->plan.optimizer->config, &step);
}

/* The first updates count for more than the decay says, so that first values are soon forgotten. */
static void follow(struct update *update, const real *value)
{
    double updates = (double)update->at.updates, early = (1 + updates) / (10 + updates);
    real keep = (real)(early < update->plan.average ? early : update->plan.average);
    real *average = update->average;

    for (int64_t i = 0; i < update->n_elements; i++)
        average[i] = keep * average[i] + (1 - keep) * value[i];
}

void update_step(struct update *update, real *value, real *gradient,
                 const struct update_moment *moment)
{
    struct update_progress *at = &update->at;

    if (++at->gathered < update->plan.accumulate && !moment->last)
        return;
    if (at->gathered > 1)
        scale(gradient, update->n_elements, (real)(1.0 / (double)at->gathered));
    at->gathered = 0;
    if (at->updates++ == 0 && update->average)
        memcpy(update->average, value, (size_t)update->n_elements * sizeof(real));
    clip(update, gradient);
    begin_groups(update, moment->epoch);
    for (int i = 0; i < update->n_slices; i++) {
        const struct update_slice *slice = &update->slice[i];

        if (moment->epoch < update->group[slice->group].treatment.frozen_epochs)
            memset(gradient + slice->offset, 0, (size_t)slice->n * sizeof(real));
        else
            move_slice(update, slice, value, gradient, moment);
    }
    if (update->average)
        follow(update, value);
}

static double rate_of(const struct update_plan *plan)
{
    const struct setting *setting = kind_of(plan)->kind.settings;
    double rate;

    while (strcmp(setting->name, "rate") != 0)
        setting++;
    memcpy(&rate, (const char *)plan->optimizer->config + setting->offset, sizeof(rate));
    return rate;
}

/* Optimizers that divide by the gradient's size step by the rate at most, others by rate times
 * gradient: the smaller one of both, and a quarter of it, so that what should show really does. */
bool update_shows(const struct update *update, const real *value, const real *gradient,
                  int64_t offset, int64_t n, const struct update_moment *moment)
{
    const struct clip_config *clip = &update->plan.clip;
    double most = clip->value > 0 ? fmin(clip->value, 1) : 1;
    double batches = (double)update->at.gathered + 1;
    double step = rate_of(&update->plan) * moment->rate_scale * treatment_at(update, offset)->rate;

    if (clip->norm > 0)
        step *= fmin(1, clip->norm / length(gradient, update->n_elements));
    for (int64_t i = offset; i < offset + n; i++) {
        real least = (real)(step / 4 * fmin(fabs((double)gradient[i]) / batches, most));

        if (value[i] + least != value[i])
            return true;
    }
    return false;
}

void update_swap_average(struct update *update, real *value)
{
    real *average = update->average;

    for (int64_t i = 0; average && i < update->n_elements; i++) {
        real here = value[i];

        value[i] = average[i];
        average[i] = here;
    }
}

void update_forget(struct update *update)
{
    for (int i = 0; i < update->n_moments; i++)
        memset(update->moment[i], 0, (size_t)update->n_elements * sizeof(real));
    for (int i = 0; i < update->n_groups; i++)
        update->group[i].memory = (struct optimizer_memory){0};
    update->at = (struct update_progress){0};
}
