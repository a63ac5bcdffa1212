/* slice: some steps of a sequence, or some values of each step. */
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
                    "The first that stays, from 0; negative: counted from the end."),
    SETTING_INTEGER(struct slice_config, end, 0, -(1 << 24), 1 << 24, "",
                    "The first that goes again; 0 or negative: counted from the end."),
    {0},
};

struct slice {
    int64_t first, n;
};

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
    *slice = (struct slice){.first = first, .n = end - first};
    *ret_out = *in;
    *(config->axis == SLICE_STEPS ? &ret_out->steps : &ret_out->width) = slice->n;
    return true;
}

static void slice_forward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], struct tensor *y)
{
    const struct slice *slice = layer->memory;
    bool steps = y->width == x[0]->width;
    int64_t skipped = steps ? slice->first * y->rows : 0, shift = steps ? 0 : slice->first;

    (void)pass;
    for (int64_t row = 0; row < y->steps * y->rows; row++)
        memcpy(y->data + row * y->width, x[0]->data + (row + skipped) * x[0]->width + shift,
               (size_t)y->width * sizeof(real));
}

static void slice_backward(const struct layer *layer, struct pass *pass,
                           const struct tensor *const x[], const struct tensor *y,
                           const struct tensor *dy, struct tensor *const dx[])
{
    const struct slice *slice = layer->memory;
    bool steps = y->width == x[0]->width;
    int64_t skipped = steps ? slice->first * y->rows : 0, shift = steps ? 0 : slice->first;
    size_t size = (size_t)(x[0]->steps * x[0]->rows * x[0]->width) * sizeof(real);

    (void)pass;
    if (!dx[0])
        return;
    memset(dx[0]->data, 0, size);
    for (int64_t row = 0; row < y->steps * y->rows; row++)
        memcpy(dx[0]->data + (row + skipped) * x[0]->width + shift, dy->data + row * y->width,
               (size_t)y->width * sizeof(real));
}

static int64_t slice_length(const struct layer *layer, int64_t length)
{
    const struct slice *slice = layer->memory;
    int64_t left = length - slice->first;

    if (((const struct slice_config *)layer->config)->axis == SLICE_FEATURES)
        return length;
    return left < 1 ? 1 : (left > slice->n ? slice->n : left);
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
