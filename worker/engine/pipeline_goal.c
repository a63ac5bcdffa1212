/* Whether a pipeline reports the metric that the goal of its sweep is about. */
#include <stdio.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/pipeline.h"

#define GOAL_PATH "sweep.goal"

/* What follows "<prefix>." in a name; NULL: it does not begin so. */
static const char *after(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(name, prefix, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

static bool find_part(const char *name, int *ret_part, const char **ret_rest, struct error *error)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        *ret_rest = after(name, split_part_name[i]);
        *ret_part = i;
        if (*ret_rest)
            return true;
    }
    return error_set_at(error, ERROR_INVALID, GOAL_PATH,
                        "there is no %s; pipelines report train.<metric>, valid.<metric> and "
                        "test.<metric>",
                        name);
}

/* What training tells of itself. */
static bool is_of_training(const struct train_config *config, const char *name)
{
    const char *batch_loss = "train.batch_loss";

    if (strncmp(name, batch_loss, strlen(batch_loss)) == 0)
        return config->batch_losses > 0;
    if (strcmp(name, "train.full_loss") == 0)
        return config->full_loss;
    return strcmp(name, "train.rate_factor") == 0 &&
           (config->schedule.n > 0 || config->rollback.times > 0);
}

/* "valid.loss, valid.mae, valid.r2": what there is in its place. */
static bool list_values(const struct evaluation *evaluation, int part, struct buffer *out,
                        struct error *error)
{
    const char *name = split_part_name[part];

    if (part != SPLIT_TEST && !buffer_append_format(out, error, "%s.loss", name))
        return false;
    for (int64_t i = 0; i < evaluation->n_values; i++)
        if (!strchr(evaluation->value[i].name, '[') &&
            !buffer_append_format(out, error, "%s%s.%s", out->size ? ", " : "", name,
                                  evaluation->value[i].name))
            return false;
    return true;
}

static bool refuse(const struct evaluation *evaluation, int part, const char *name,
                   struct error *error)
{
    scoped(buffer_release) struct buffer values = {0};

    if (!list_values(evaluation, part, &values, error))
        return false;
    return error_set_at(error, ERROR_INVALID, GOAL_PATH, "no run reports %s%s%s", name,
                        values.size ? "; runs report " : "", values.size ? values.data : "");
}

static bool look_for(const struct engine_spec *spec, const struct prepared_rows *rows,
                     const struct distribution_shape *shape, int part, const char *rest,
                     const char *name, struct error *error)
{
    const struct sample_set *set = &rows->samples->set;
    const char *balanced = spec->evaluate.balanced && set->task == TASK_CLASSIFICATION
                               ? after(rest, "balanced")
                               : NULL;
    scoped(told_release) struct told train = {0}, told = {0};
    scoped(evaluation_release) struct evaluation evaluation = {0};

    if (part != SPLIT_TEST && strcmp(rest, "loss") == 0)
        return true;
    return told_open(set, &rows->split.split.part[SPLIT_TRAIN], &train, error) &&
           told_open(set, &rows->split.split.part[part], &told, error) &&
           metric_rehearse(&spec->evaluate.metrics, set, shape, train.rows, told.rows, &evaluation,
                           error) &&
           (evaluation_find(&evaluation, balanced ? balanced : rest) ||
            refuse(&evaluation, part, name, error));
}

bool pipeline_check_goal(const struct engine_spec *spec, const struct prepared_rows *rows,
                         const struct distribution_shape *shape, const char *watched,
                         const char *name, struct error *error)
{
    static const char *const part_text[SPLIT_PART_COUNT] = {"training", "validation", "test"};
    const char *rest;
    int part;

    if (!find_part(name, &part, &rest, error))
        return false;
    if (part == SPLIT_TEST && !spec->evaluate.test)
        return error_set_at(error, ERROR_INVALID, GOAL_PATH,
                            "no run reports %s: evaluate.test is false", name);
    if (!rows || is_of_training(&spec->train, name) || (watched && strcmp(watched, name) == 0))
        return true;
    if (rows->split.split.part[part].n == 0)
        return error_set_at(error, ERROR_INVALID, GOAL_PATH,
                            "%s needs a %s part, and data.split has none", name, part_text[part]);
    return look_for(spec, rows, shape, part, rest, name, error);
}
