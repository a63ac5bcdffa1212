#include "worker/engine/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define METRIC_PATH "train.early_stopping.metric"

void watch_release(struct watch *watch)
{
    free(watch->item);
    *watch = (struct watch){0};
}

static bool is_loss(const char *metric)
{
    return strcmp(metric, "train.loss") == 0 || strcmp(metric, "valid.loss") == 0;
}

/* Tables have no goal; they wait for the end. */
static bool add(struct watch *watch, const struct kind_choice *choice)
{
    struct kind_choice *item;

    if (((const struct metric_kind *)choice->kind)->goal == GOAL_NONE)
        return true;
    item = reallocarray(watch->item, (size_t)watch->n_metrics + 1, sizeof(*item));
    if (!item)
        return false;
    watch->item = item;
    watch->item[watch->n_metrics++] = *choice;
    return true;
}

/* Whether a metric that the spec does not name can be watched all the same. */
static bool fits(const struct watch *watch, const struct kind_choice *choice, enum task task)
{
    const struct metric_kind *kind = (const struct metric_kind *)choice->kind;
    struct kind_choice item = *choice;
    const struct kind_choices single = {.item = &item, .n = 1};
    struct error ignored;

    return kind->goal != GOAL_NONE && kind->kind.config_size == 0 &&
           metric_check(&single, task, &watch->shape, "", &ignored);
}

/* *ret_goal stays GOAL_NONE where these metrics have no value of that name. */
static bool look_for(const struct watch *watch, const char *name,
                     const struct kind_choices *metrics, const struct sample_set *set,
                     const struct row_list *train, const struct row_list *valid,
                     enum goal *ret_goal, struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    const struct metric_value *value;

    *ret_goal = GOAL_NONE;
    if (metrics->n == 0)
        return true;
    if (!metric_rehearse(metrics, set, &watch->shape, train, valid, &evaluation, error))
        return false;
    value = evaluation_find(&evaluation, name);
    if (value)
        *ret_goal = value->goal;
    return true;
}

/* Among the metrics that are watched anyway, else among all that the task has. */
static bool find_metric(struct watch *watch, const struct sample_set *set,
                        const struct row_list *train, const struct row_list *valid,
                        struct error *error)
{
    const char *name = watch->metric + strlen("valid.");
    struct kind_choices watched = {.item = watch->item, .n = (size_t)watch->n_metrics};

    if (!look_for(watch, name, &watched, set, train, valid, &watch->goal, error))
        return false;
    for (size_t i = 0; watch->goal == GOAL_NONE && metric_registry.kind[i]; i++) {
        struct kind_choice choice = {.kind = metric_registry.kind[i]};
        const struct kind_choices single = {.item = &choice, .n = 1};

        if (!fits(watch, &choice, set->task))
            continue;
        if (!look_for(watch, name, &single, set, train, valid, &watch->goal, error))
            return false;
        if (watch->goal != GOAL_NONE && !add(watch, &choice))
            return error_set(error, ERROR_NO_MEMORY, "looking for a metric");
    }
    if (watch->goal == GOAL_NONE)
        return error_set_at(error, ERROR_INVALID, METRIC_PATH,
                            "there is no %s; train.loss, valid.loss and valid.<metric> are "
                            "measured",
                            watch->metric);
    return true;
}

static bool resolve(struct watch *watch, const struct early_stopping_config *config,
                    const struct sample_set *set, const struct row_list *train,
                    const struct row_list *valid, struct error *error)
{
    bool of_valid = strncmp(config->metric, "valid.", strlen("valid.")) == 0;

    if (!of_valid && !is_loss(config->metric))
        return error_set_at(error, ERROR_INVALID, METRIC_PATH,
                            "there is no %s; train.loss, valid.loss and valid.<metric> are "
                            "measured",
                            config->metric);
    if (of_valid && valid->n == 0) {
        if (config->patience > 0)
            return error_set_at(error, ERROR_INVALID, METRIC_PATH,
                                "%s needs a validation part, and data.split has none",
                                config->metric);
        return true;
    }
    watch->metric = config->metric;
    watch->goal = GOAL_MINIMIZE;
    if (!is_loss(config->metric) && !find_metric(watch, set, train, valid, error))
        return false;
    if (config->goal != 0)
        watch->goal = config->goal == 1 ? GOAL_MINIMIZE : GOAL_MAXIMIZE;
    return true;
}

bool watch_init(struct watch *ret_watch, const struct early_stopping_config *config,
                const struct kind_choices *metrics, const struct sample_set *set,
                const struct distribution_shape *shape, const struct row_list *train,
                const struct row_list *valid, struct error *error)
{
    scoped(watch_release) struct watch watch = {
        .patience = config->patience, .min_delta = config->min_delta, .shape = *shape};

    for (size_t i = 0; metrics && i < metrics->n; i++)
        if (!add(&watch, &metrics->item[i]))
            return error_set(error, ERROR_NO_MEMORY, "preparing to train");
    if (config->metric && !resolve(&watch, config, set, train, valid, error))
        return false;
    *ret_watch = watch;
    watch = (struct watch){0};
    return true;
}

bool watch_evaluate(const struct watch *watch, const struct sample_set *set,
                    const struct row_list *valid, const double *prediction,
                    struct evaluation *ret_evaluation, struct error *error)
{
    const struct kind_choices metrics = {.item = watch->item, .n = (size_t)watch->n_metrics};
    scoped(row_array_release) struct row_array array = {0};

    return row_array_open(valid, &array, error) &&
           metric_evaluate(&metrics, set, &watch->shape, array.row, valid->n, prediction, NULL,
                           ret_evaluation, error);
}

double watch_value(const struct watch *watch, double train_loss, double valid_loss,
                   const struct evaluation *evaluation)
{
    const struct metric_value *value;

    if (strcmp(watch->metric, "train.loss") == 0)
        return train_loss;
    if (strcmp(watch->metric, "valid.loss") == 0)
        return valid_loss;
    value = evaluation_find(evaluation, watch->metric + strlen("valid."));
    return value ? value->value : NAN;
}

bool watch_improved(const struct watch *watch, double value, bool has_best, double best)
{
    if (!has_best)
        return true;
    return watch->goal == GOAL_MAXIMIZE ? value > best + watch->min_delta
                                        : value < best - watch->min_delta;
}
