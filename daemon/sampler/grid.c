/* Every combination; the first parameter of the file changes slowest. */
#include "daemon/batch.h"
#include "daemon/sampler/sampler.h"

#include <inttypes.h>
#include <stdio.h>

static bool grid_count(const struct sampler_space *space, int64_t *ret_trials, struct error *error)
{
    double product = 1;

    if (space->trials)
        return error_set_at(error, ERROR_INVALID, "sweep.trials",
                            "a grid tries every combination; use method: random for %" PRId64
                            " trials",
                            space->trials);
    for (size_t i = 0; i < space->n; i++) {
        int64_t n = sampler_parameter_count(&space->parameter[i]);
        char path[128];

        (void)snprintf(path, sizeof(path), "sweep.parameters.%s", space->parameter[i].name);
        if (n == 0)
            return error_set_at(error, ERROR_INVALID, path,
                                "a range has no grid; give a list, a step, or use method: random");
        product *= (double)n;
    }
    if (product > BATCH_EXPERIMENTS_LIMIT)
        return error_set_at(error, ERROR_INVALID, "sweep.parameters",
                            "the grid has %.0f combinations; at most %d experiments make a batch",
                            product, BATCH_EXPERIMENTS_LIMIT);
    *ret_trials = (int64_t)product;
    return true;
}

static bool grid_propose(const struct sampler_space *space, int64_t trial, cJSON *parameters,
                         struct error *error)
{
    int64_t repeat = 1; /* how many trials in a row share the value of the parameter before */

    for (size_t i = 0; i < space->n; i++)
        repeat *= sampler_parameter_count(&space->parameter[i]);
    for (size_t i = 0; i < space->n; i++) {
        const struct sampler_parameter *parameter = &space->parameter[i];
        int64_t n = sampler_parameter_count(parameter);
        cJSON *value;

        repeat /= n;
        value = sampler_parameter_value(parameter, trial / repeat % n);
        if (!value || !json_add_item(parameters, parameter->name, &value))
            return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, trial);
    }
    return true;
}

const struct sampler_kind sampler_grid = {
    .kind = {.name = "grid",
             .help = "Every combination of the values; the first parameter changes slowest."},
    .count = grid_count,
    .propose = grid_propose,
};
