#include "worker/engine/transform/kinds.h"

struct steps_config {
    struct transform_config base;
    int64_t from, to, every;
};

static const struct setting steps_settings[] = {
    SETTING_INTEGER(struct steps_config, from, 0, 0, 1e7, "steps", "The first to stay, from 0."),
    SETTING_INTEGER(struct steps_config, to, 0, 0, 1e7, "steps",
                    "Where what stays ends, that step left out; 0: at the window's end."),
    SETTING_INTEGER(struct steps_config, every, 1, 1, 1e7, "steps",
                    "Of those, keep only every so many-th."),
    {0},
};

/* State, of each column the same: (from, every). */
static bool fit(struct fitting *fitting, struct error *error)
{
    const struct steps_config *config = fitting->config;
    int64_t steps = fitting->layout->steps;
    int64_t to = config->to > 0 && config->to < steps ? config->to : steps;

    if (config->from >= to)
        return error_set_at(error, ERROR_INVALID, fitting->path, "no step of %lld is left",
                            (long long)steps);
    if (!transform_give_state(fitting->transform, 2, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++) {
        transform_state(fitting->transform, i)[0] = (double)config->from;
        transform_state(fitting->transform, i)[1] = (double)config->every;
    }
    fitting->layout->steps = (to - config->from + config->every - 1) / config->every;
    return true;
}

/* A shorter sample repeats its last step. */
static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    int64_t from = (int64_t)transform->state[0], every = (int64_t)transform->state[1];

    for (int64_t i = 0; i < in->width; i++)
        for (int64_t k = 0; k < in->n; k++)
            for (int64_t step = 0; step < out->steps; step++) {
                int64_t at = from + step * every;

                block_column(out, i)[k * out->steps + step] =
                    block_column(in, i)[k * in->steps + (at < in->steps ? at : in->steps - 1)];
            }
}

const struct transform_kind transform_steps = {
    .kind =
        {.name = "steps",
         .help =
             "Keeps a stretch of a window's steps, or every so many-th of them. Behind it no mask "
             "tells which steps a shorter sample has: they repeat its last one.",
         .config_size = sizeof(struct steps_config),
         .settings = steps_settings},
    .makes_steps = true,
    .n_state = 2,
    .fit = fit,
    .apply = apply,
};
