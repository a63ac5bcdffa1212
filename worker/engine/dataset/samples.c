#include "worker/engine/dataset/samples.h"

#include <stdlib.h>

#include "common/owner.h"

void samples_free(struct samples **samples)
{
    struct samples *gone = *samples;

    if (!gone)
        return;
    applier_free(&gone->applier);
    free(gone);
    *samples = NULL;
}

static void gather(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor x[],
                   int32_t *const length[])
{
    const struct samples *samples = set->context;

    (void)length;
    applier_gather_rows(samples->applier, row, n, x);
}

static bool refuse_missing(const struct dataset *dataset, const struct preparation *preparation,
                           struct error *error)
{
    for (int64_t i = 0; i < dataset->n_features; i++) {
        const struct feature *feature = &dataset->feature[i];

        if (feature->n_missing > 0 && preparation->feature[i].needed)
            return error_set(error, ERROR_INVALID,
                             "%s: line %lld, column '%s': the value is missing, and the model has "
                             "nothing to fill in",
                             dataset->path, (long long)feature->missing_line, feature->name);
    }
    return true;
}

bool samples_make(const struct dataset *dataset, const struct preparation *preparation,
                  struct samples **ret_samples, struct error *error)
{
    scoped(samples_free) struct samples *samples = calloc(1, sizeof(*samples));

    if (!samples)
        return error_set(error, ERROR_NO_MEMORY, "making samples");
    samples->dataset = dataset;
    samples->preparation = preparation;
    if (!refuse_missing(dataset, preparation, error) ||
        !applier_make(preparation, dataset, &samples->applier, error))
        return false;
    samples->n_unknown = applier_unknown_rows(samples->applier);
    samples->set = (struct sample_set){
        .context = samples,
        .gather = gather,
        .task = preparation->task,
        .input = preparation->input,
        .n_inputs = preparation->n_inputs,
        .n_samples = dataset->n_rows,
        .row_id = dataset->row_id,
        .truth_steps = 1,
        .n_classes = preparation->n_classes,
        .label = dataset->label,
        .class_name = (const char *const *)preparation->class_name,
        .n_targets = preparation->n_targets,
        .target = dataset->target,
        .target_name = (const char *const *)preparation->target_name,
        .target_offset = preparation->target_offset,
        .target_scale = preparation->target_scale,
    };
    *ret_samples = take(&samples);
    return true;
}
