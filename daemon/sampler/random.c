/*
 * Independent draws: a number is a function of (seed, trial, name of the parameter), so that adding
 * a parameter or a trial changes no other draw.
 */
#include "common/random.h"
#include "daemon/sampler/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool random_count(const struct sampler_space *space, int64_t *ret_trials,
                         struct error *error)
{
    if (!space->trials)
        return error_set_at(error, ERROR_INVALID, "sweep.trials",
                            "missing: how many trials to draw");
    *ret_trials = space->trials;
    return true;
}

static double clamp(const struct sampler_parameter *parameter, double value)
{
    return fmin(fmax(value, parameter->low), parameter->high);
}

/* Six digits are more than a sweep can tell apart, and a person can read them. */
static double six_digits(double value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%.6g", value);
    return strtod(text, NULL);
}

static double draw_real(const struct sampler_parameter *parameter, double u)
{
    double low = parameter->low, high = parameter->high;
    double value =
        parameter->log ? exp(log(low) + u * (log(high) - log(low))) : low + u * (high - low);

    return clamp(parameter, six_digits(clamp(parameter, value)));
}

static double draw_log_integer(const struct sampler_parameter *parameter, double u)
{
    double low = log(parameter->low), high = log(parameter->high + 1);

    return clamp(parameter, floor(exp(low + u * (high - low))));
}

static cJSON *draw(const struct sampler_space *space, const struct sampler_parameter *parameter,
                   int64_t trial)
{
    uint32_t purpose = random_purpose("sweep", parameter->name);
    int64_t n = parameter->log ? 0 : sampler_parameter_count(parameter);
    double u;

    if (n)
        return sampler_parameter_value(
            parameter,
            (int64_t)random_below(space->seed, (uint64_t)trial, 0, purpose, (uint64_t)n));
    u = random_uniform(space->seed, (uint64_t)trial, 0, purpose);
    return cJSON_CreateNumber(parameter->form == SAMPLER_INTEGER ? draw_log_integer(parameter, u)
                                                                 : draw_real(parameter, u));
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
