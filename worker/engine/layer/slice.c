/*
 * slice: some steps of a sequence, or some values of each step.
 *
 * Where rows have lengths of their own, steps are counted from each row's own end, and a row gives
 * as many of them as it has.
 */
#include "worker/engine/layer/layer.h"

#include <inttypes.h>
#include <string.h>

enum slice_axis { SLICE_STEPS, SLICE_FEATURES };
static const char *const axis_name[] = {"steps", "features", NULL};

struct slice_config {
    int axis;
    int64_t first, end;
};

static const struct setting slice_settings[] = {
    SETTING_CHOICE(struct slice_config, axis, SLICE_FEATURES, axis_name, "What is cut."),
    SETTING_INTEGER(struct slice_config, first, 0, -(1 << 24), 1 << 24, "",
                    "The first that stays, from 0; negative: counted from the end, of steps from "
                    "each row's own."),
    SETTING_INTEGER(struct slice_config, end, 0, -(1 << 24), 1 << 24, "",
                    "The first that goes again; 0 or negative: counted from the end, alike."),
    {0},
};

struct slice {
    bool steps;
    int64_t first, end; /* as set: negative ones count from each row's own end */
    int64_t n;          /* of the longest row: no row gives more */
};

struct span {
    int64_t first, n;
};

/* Of a row of so many steps: what there is of it. */
static struct span span_of(const struct slice *slice, int64_t length)
{
    int64_t first = slice->first < 0 ? length + slice->first : slice->first;
    int64_t end = slice->end <= 0 ? length + slice->end : slice->end;

    first = first < 0 ? 0 : first;
    end = end > length ? length : end;
    if (end <= first)
        return (struct span){0};
    return (struct span){.first = first, .n = end - first < slice->n ? end - first : slice->n};
}

static bool slice_build(struct layer *layer, const struct shape *in, int n_in,
                        struct shape *ret_out, struct error *error)
{
    const struct slice_config *config = layer->config;
    struct slice *slice = layer->memory;
    int64_t size = config->axis == SLICE_STEPS ? in->steps : in->width;
    int64_t first = config->first < 0 ? size + config->first : config->first;
    int64_t end = config->end <= 0 ? size + config->end : config->end;

    (void)n_in;
    if (first < 0 || end > size || first >= end)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "[%" PRId64 ", %" PRId64 ") is no part of %" PRId64 " %s", first, end,
                            size, axis_name[config->axis]);
    *slice = (struct slice){.steps = config->axis == SLICE_STEPS,
                            .first = config->first,
                            .end = config->end,
                            .n = end - first};
    *ret_out = *in;
    *(slice->steps ? &ret_out->steps : &ret_out->width) = slice->n;
    return true;
}

static real *step_of(const struct tensor *tensor, int64_t step, int64_t row)
{
    return tensor->data + (step * tensor->rows + row) * tensor->width;
}

static struct span span_of_row(const struct slice *slice, const struct tensor *x, int64_t row)
{
    return span_of(slice, x->length ? x->length[row] : x->steps);
}

static void slice_forward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], struct tensor *y)
{
    const struct slice *slice = layer->memory;
    size_t size = (size_t)y->width * sizeof(real);
    struct span features = span_of(slice, x[0]->width);

    (void)pass;
    for (int64_t row = 0; row < y->rows; row++) {
        struct span span = span_of_row(slice, x[0], row);

        for (int64_t step = 0; step < y->steps; step++)
            if (!slice->steps)
                memcpy(step_of(y, step, row), step_of(x[0], step, row) + features.first, size);
            else if (step < span.n)
                memcpy(step_of(y, step, row), step_of(x[0], span.first + step, row), size);
            else
                memset(step_of(y, step, row), 0, size);
    }
}

static void slice_backward(const struct layer *layer, struct pass *pass,
                           const struct tensor *const x[], const struct tensor *y,
                           const struct tensor *dy, struct tensor *const dx[])
{
    const struct slice *slice = layer->memory;
    size_t size = (size_t)y->width * sizeof(real);
    struct span features = span_of(slice, x[0]->width);

    (void)pass;
    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * x[0]->rows * x[0]->width) * sizeof(real));
    for (int64_t row = 0; row < y->rows; row++) {
        struct span span = span_of_row(slice, x[0], row);

        for (int64_t step = 0; step < y->steps; step++)
            if (!slice->steps)
                memcpy(step_of(dx[0], step, row) + features.first, step_of(dy, step, row), size);
            else if (step < span.n)
                memcpy(step_of(dx[0], span.first + step, row), step_of(dy, step, row), size);
    }
}

/* A row that has nothing of it gives a step of zeros: no sequence is empty. */
static int64_t slice_length(const struct layer *layer, int64_t length)
{
    const struct slice *slice = layer->memory;
    struct span span = span_of(slice, length);

    if (!slice->steps)
        return length;
    return span.n < 1 ? 1 : span.n;
}

const struct layer_kind layer_slice = {
    .kind = {.name = "slice",
             .help = "A part of the steps, or of each step's values.",
             .config_size = sizeof(struct slice_config),
             .settings = slice_settings},
    .memory = sizeof(struct slice),
    .build = slice_build,
    .length = slice_length,
    .forward = slice_forward,
    .backward = slice_backward,
};
