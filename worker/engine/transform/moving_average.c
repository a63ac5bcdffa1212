#include "worker/engine/transform/kinds.h"

struct moving_average_config {
    struct transform_config base;
    int64_t length;
};

static const struct setting moving_average_settings[] = {
    TRANSFORM_SETTINGS(struct moving_average_config),
    SETTING_INTEGER(struct moving_average_config, length, 5, 1, 1000000, "steps",
                    "Steps of which it is the mean: the last ones."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct moving_average_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 1, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        transform_state(fitting->transform, i)[0] = (double)config->length;
    return true;
}

/* From the end, so that the steps before are still what they were; no running sum, whose rounding
 * would depend on what came long before. */
static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    int64_t length = (int64_t)state[0];

    (void)n_state;
    for (int64_t i = n - 1; i >= 0; i--) {
        int64_t first = i - length + 1 > 0 ? i - length + 1 : 0;
        double sum = 0;

        for (int64_t k = first; k <= i; k++)
            sum += x[k];
        x[i] = sum / (double)(i - first + 1);
    }
}

const struct transform_kind transform_moving_average = {
    .kind = {.name = "moving_average",
             .help = "The mean of the last steps, of fewer at the beginning.",
             .config_size = sizeof(struct moving_average_config),
             .settings = moving_average_settings},
    .along = true,
    .n_state = 1,
    .fit = fit,
    .map = map,
};
