/*
 * Independent draws: a number is a function of (seed, trial, name of the parameter), so that adding
 * a parameter or a trial changes no other draw.
 */
#include "common/random.h"
#include "daemon/sampler/sampler.h"

#include <inttypes.h>

static bool random_count(const struct sampler_space *space, int64_t *ret_trials,
                         struct error *error)
{
    if (!space->trials)
        return error_set_at(error, ERROR_INVALID, "sweep.trials",
                            "missing: how many trials to draw");
    *ret_trials = space->trials;
    return true;
}

static cJSON *draw(const struct sampler_space *space, const struct sampler_parameter *parameter,
                   int64_t trial)
{
    uint32_t purpose = random_purpose("sweep", parameter->name);
    int64_t n = parameter->log ? 0 : sampler_parameter_count(parameter);

    if (n)
        return sampler_parameter_value(
            parameter,
            (int64_t)random_below(space->seed, (uint64_t)trial, 0, purpose, (uint64_t)n));
    return sampler_parameter_at(parameter,
                                random_uniform(space->seed, (uint64_t)trial, 0, purpose));
}

static bool random_propose(const struct sampler_space *space, int64_t trial, cJSON *parameters,
                           struct error *error)
{
    for (size_t i = 0; i < space->n; i++) {
        cJSON *value = draw(space, &space->parameter[i], trial);

        if (!value || !json_add_item(parameters, space->parameter[i].name, &value))
            return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, trial);
    }
    return true;
}

const struct sampler_kind sampler_random = {
    .kind = {.name = "random", .help = "Independent draws, as many as `trials` says."},
    .count = random_count,
    .propose = random_propose,
};
