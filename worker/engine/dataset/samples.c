#include "worker/engine/dataset/samples.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

void samples_free(struct samples **samples)
{
    struct samples *gone = *samples;

    if (!gone)
        return;
    for (int64_t i = 0; gone->slot && i < gone->dataset->n_features; i++)
        free(gone->slot[i]);
    free(gone->slot);
    free(gone);
    *samples = NULL;
}

static void gather_plain(const struct samples *samples, const int64_t *row, int64_t n,
                         struct tensor *x)
{
    const struct prepared_feature *feature = samples->preparation->feature;
    int64_t width = samples->dataset->n_features;

    for (int64_t i = 0; i < n; i++) {
        const float *from = samples->dataset->value + row[i] * width;
        real *to = x->data + i * width;

        for (int64_t j = 0; j < width; j++)
            to[j] = (real)((double)from[j] * feature[j].scale + feature[j].offset);
    }
}

static void gather_any(const struct samples *samples, const int64_t *row, int64_t n,
                       struct tensor *x)
{
    const struct preparation *preparation = samples->preparation;

    memset(x->data, 0, (size_t)(n * preparation->width) * sizeof(real));
    for (int64_t i = 0; i < n; i++) {
        const float *from = samples->dataset->value + row[i] * preparation->n_features;
        real *to = x->data + i * preparation->width;

        for (int64_t j = 0; j < preparation->n_features; j++) {
            const struct prepared_feature *feature = &preparation->feature[j];

            if (feature->categorical) {
                int32_t slot = isnan(from[j]) ? -1 : samples->slot[j][(int32_t)from[j]];

                if (slot >= 0)
                    to[feature->first + slot] = 1;
            } else {
                to[feature->first] =
                    (real)(isnan(from[j]) ? feature->fill
                                          : (double)from[j] * feature->scale + feature->offset);
            }
        }
    }
}

static void gather(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor x[],
                   int32_t *const length[])
{
    const struct samples *samples = set->context;

    (void)length;
    assert(x->steps == 1 && x->width == samples->preparation->width);
    if (samples->plain)
        gather_plain(samples, row, n, x);
    else
        gather_any(samples, row, n, x);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "making samples");
}

static bool map_categories(struct samples *samples, int64_t at, struct error *error)
{
    const struct feature *feature = &samples->dataset->feature[at];
    const struct prepared_feature *fitted = &samples->preparation->feature[at];
    scoped(dictionary_release) struct dictionary known = {0};
    int32_t *slot = malloc(((size_t)feature->dictionary.n + 1) * sizeof(*slot));

    samples->slot[at] = slot;
    if (!slot)
        return no_memory(error);
    for (int32_t i = 0; i < fitted->n_categories; i++) {
        int32_t code;

        if (!dictionary_add(&known, fitted->category[i], strlen(fitted->category[i]), &code, error))
            return false;
    }
    for (int32_t i = 0; i < feature->dictionary.n; i++)
        slot[i] = dictionary_find(&known, feature->dictionary.text[i],
                                  strlen(feature->dictionary.text[i]));
    return true;
}

static void count_unknown(struct samples *samples)
{
    const struct dataset *dataset = samples->dataset;

    for (int64_t row = 0; row < dataset->n_rows; row++) {
        bool unknown = false;

        for (int64_t i = 0; i < dataset->n_features && !unknown; i++) {
            float code = dataset->value[row * dataset->n_features + i];

            unknown = samples->slot[i] && !isnan(code) && samples->slot[i][(int32_t)code] < 0;
        }
        samples->n_unknown += unknown;
    }
}

static bool map_features(struct samples *samples, struct error *error)
{
    const struct dataset *dataset = samples->dataset;

    samples->slot = calloc((size_t)dataset->n_features + 1, sizeof(*samples->slot));
    if (!samples->slot)
        return no_memory(error);
    samples->plain = true;
    for (int64_t i = 0; i < dataset->n_features; i++) {
        const struct feature *feature = &dataset->feature[i];

        if (feature->categorical && !map_categories(samples, i, error))
            return false;
        if (!feature->categorical && feature->n_missing > 0 &&
            isnan(samples->preparation->feature[i].fill))
            return error_set(error, ERROR_INVALID,
                             "%s: line %lld, column '%s': the value is missing, and the model has "
                             "nothing to fill in",
                             dataset->path, (long long)feature->missing_line, feature->name);
        samples->plain = samples->plain && !feature->categorical && feature->n_missing == 0;
    }
    if (!samples->plain)
        count_unknown(samples);
    return true;
}

bool samples_make(const struct dataset *dataset, const struct preparation *preparation,
                  struct samples **ret_samples, struct error *error)
{
    scoped(samples_free) struct samples *samples = calloc(1, sizeof(*samples));

    if (!samples)
        return no_memory(error);
    samples->dataset = dataset;
    samples->preparation = preparation;
    if (!map_features(samples, error))
        return false;
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
