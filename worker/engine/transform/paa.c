#include "worker/engine/transform/kinds.h"

struct paa_config {
    struct transform_config base;
    int64_t segments;
};

static const struct setting paa_settings[] = {
    SETTING_INTEGER(struct paa_config, segments, 20, 1, 1000000, "steps",
                    "Stretches of equal length, as near as that goes."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct paa_config *config = fitting->config;

    if (config->segments > fitting->layout->steps)
        return error_set_at(error, ERROR_INVALID, fitting->path,
                            "%lld segments are more than the %lld steps of a sample",
                            (long long)config->segments, (long long)fitting->layout->steps);
    fitting->layout->steps = config->segments;
    return transform_give_state(fitting->transform, 0, error);
}

static double mean(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* A sample that is shorter than the segments are many gives single steps to several. */
static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    (void)transform;
    for (int64_t i = 0; i < in->width; i++)
        for (int64_t k = 0; k < in->n; k++) {
            const double *x = block_column(in, i) + k * in->steps;
            double *y = block_column(out, i) + k * out->steps;

            for (int64_t s = 0; s < out->steps; s++) {
                int64_t from = s * in->steps / out->steps, to = (s + 1) * in->steps / out->steps;

                y[s] = mean(x + from, to > from ? to - from : 1);
            }
        }
}

const struct transform_kind transform_paa = {
    .kind = {.name = "paa",
             .help = "Piecewise aggregate: the means of so many stretches of a window.",
             .config_size = sizeof(struct paa_config),
             .settings = paa_settings},
    .makes_steps = true,
    .n_state = 0,
    .fit = fit,
    .apply = apply,
};
