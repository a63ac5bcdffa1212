/* `sweep:` of a spec. */
#include "common/owner.h"
#include "daemon/batch.h"
#include "daemon/sampler/sampler.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct setting goal_settings[] = {
    SETTING_TEXT(struct sweep_goal, minimize, NULL, 0, "The metric whose lowest value is best."),
    SETTING_TEXT(struct sweep_goal, maximize, NULL, 0, "The metric whose highest value is best."),
    {0},
};

#define LARGEST_SEED 9007199254740991.0

const struct setting sweep_settings[] = {
    SETTING_KIND(struct sweep_config, method, &sampler_registry, "grid", 0,
                 "How trials are chosen."),
    SETTING_JSON(struct sweep_config, parameters, SETTING_REQUIRED,
                 "The search space. Each is a path of the spec, or a name that {name} stands for, "
                 "with a list of values (one of them may be {label, value}), or with low and "
                 "high and, where wanted, log: true, int: true, step."),
    SETTING_INTEGER(struct sweep_config, trials, 0, 0, BATCH_EXPERIMENTS_LIMIT, "",
                    "How many configurations to draw."),
    SETTING_INTEGER(struct sweep_config, replicates, 1, 1, BATCH_EXPERIMENTS_LIMIT, "",
                    "How many seeds each configuration is run with."),
    SETTING_INTEGER(struct sweep_config, seed, 0, 0, LARGEST_SEED, "",
                    "Of the draws, and the first replicate's; where missing, the spec's."),
    SETTING_NESTED(struct sweep_config, goal, struct sweep_goal, goal_settings,
                   "What a good trial is."),
    {0},
};

void sampler_sweep_release(struct sampler_sweep *sweep)
{
    for (size_t i = 0; i < sweep->space.n; i++) {
        json_free(&sweep->space.parameter[i].values);
        free(sweep->space.parameter[i].value);
    }
    free(sweep->space.parameter);
    settings_release(sweep_settings, &sweep->config);
    *sweep = (struct sampler_sweep){0};
}

static bool read_parameters(const cJSON *parameters, struct sampler_space *space,
                            struct diagnostics *diagnostics)
{
    const cJSON *item;
    bool good = true;

    if (!cJSON_IsObject(parameters) || !parameters->child) {
        diagnostics_add(diagnostics, "sweep.parameters",
                        "expected {name: values} with at least one name");
        return false;
    }
    space->parameter = calloc((size_t)cJSON_GetArraySize(parameters), sizeof(space->parameter[0]));
    if (!space->parameter) {
        diagnostics->overflow = true;
        return false;
    }
    cJSON_ArrayForEach(item, parameters)
    {
        good &=
            sampler_parameter_read(item->string, item, &space->parameter[space->n], diagnostics);
        space->n++;
    }
    return good;
}

static bool count_trials(struct sampler_sweep *sweep, struct diagnostics *diagnostics)
{
    struct error error;

    if (!sweep->method->count(&sweep->space, &sweep->trials, &error)) {
        diagnostics_add(diagnostics, error.path, "%s", error.message);
        return false;
    }
    if (sweep->trials > BATCH_EXPERIMENTS_LIMIT / sweep->space.replicates) {
        diagnostics_add(diagnostics, "sweep",
                        "%" PRId64 " trials with %" PRId64 " replicates are %" PRId64
                        " experiments; at most %d make a batch",
                        sweep->trials, sweep->space.replicates,
                        sweep->trials * sweep->space.replicates, BATCH_EXPERIMENTS_LIMIT);
        return false;
    }
    return true;
}

bool sampler_sweep_read(const cJSON *json, uint64_t seed, struct sampler_sweep *ret_sweep,
                        struct diagnostics *diagnostics)
{
    struct sampler_sweep *sweep = ret_sweep;
    bool good;

    *sweep = (struct sampler_sweep){0};
    if (!settings_parse(sweep_settings, json, "sweep", &sweep->config, diagnostics))
        return false;
    if (sweep->config.goal.minimize && sweep->config.goal.maximize) {
        diagnostics_add(diagnostics, "sweep.goal", "minimize or maximize, not both");
        return false;
    }
    sweep->method = (const struct sampler_kind *)(const void *)sweep->config.method.kind;
    sweep->space.trials = sweep->config.trials;
    sweep->space.replicates = sweep->config.replicates;
    sweep->space.seed = seed;
    /* Names are borrowed from the caller's tree: the config's copy goes with the config. */
    good = read_parameters(json_member(json, "parameters"), &sweep->space, diagnostics);
    return good && count_trials(sweep, diagnostics);
}

bool sampler_propose(const struct sampler_sweep *sweep, int64_t trial, cJSON **ret_parameters,
                     struct error *error)
{
    scoped(json_free) cJSON *parameters = cJSON_CreateObject();

    if (!parameters)
        return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, trial);
    if (!sweep->method->propose(&sweep->space, trial, parameters, error))
        return false;
    *ret_parameters = take(&parameters);
    return true;
}
