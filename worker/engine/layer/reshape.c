/* reshape: the same values, step by step, as another number of steps. */
#include "worker/engine/layer/layer.h"

#include <inttypes.h>

struct reshape_config {
    struct setting_integers shape;
};

static const struct setting reshape_settings[] = {
    SETTING_INTEGERS(struct reshape_config, shape, -1, 1 << 24, 1, 2,
                     "Steps and width, or the width of one row; one of them may be -1: what is "
                     "left."),
    {0},
};

enum { ROWS };

static bool reshape_build(struct layer *layer, const struct shape *in, int n_in,
                          struct shape *ret_out, struct error *error)
{
    const struct setting_integers *wanted = &((const struct reshape_config *)layer->config)->shape;
    int64_t size = in->steps * in->width;
    int64_t steps = wanted->n > 1 ? wanted->item[0] : 1, width = wanted->item[wanted->n - 1];

    (void)n_in;
    if (steps == -1 && width > 0)
        steps = size / width;
    else if (width == -1 && steps > 0)
        width = size / steps;
    if (steps < 1 || width < 1 || steps * width != size)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "%" PRId64 " values (%" PRId64 " steps of %" PRId64
                            ") do not fit this shape",
                            size, in->steps, in->width);
    layer_add_buffer(layer, BUFFER_SCRATCH, size, 0);
    *ret_out = (struct shape){.steps = steps, .width = width};
    return true;
}

static void reshape_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    layer_rows_of_steps(x[0], pass->buffer[ROWS]);
    layer_steps_of_rows(pass->buffer[ROWS], y);
}

static void reshape_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x, (void)y;
    if (!dx[0])
        return;
    layer_rows_of_steps(dy, pass->buffer[ROWS]);
    layer_steps_of_rows(pass->buffer[ROWS], dx[0]);
}

const struct layer_kind layer_reshape = {
    .kind = {.name = "reshape",
             .help = "The same values as another number of steps.",
             .config_size = sizeof(struct reshape_config),
             .settings = reshape_settings},
    .build = reshape_build,
    .forward = reshape_forward,
    .backward = reshape_backward,
};
