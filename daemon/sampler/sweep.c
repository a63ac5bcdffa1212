/* `sweep:` of a spec. */
#include "daemon/sampler/sweep.h"

#include "common/owner.h"
#include "daemon/batch.h"
#include "daemon/parameter.h"
#include "daemon/sampler/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct setting goal_settings[] = {
    SETTING_TEXT(struct sweep_goal, minimize, NULL, 0, "The metric whose lowest value is best."),
    SETTING_TEXT(struct sweep_goal, maximize, NULL, 0, "The metric whose highest value is best."),
    {0},
};

#define LARGEST_SEED 9007199254740991.0
#define LONGEST (3650 * 86400.0)

const struct setting sweep_settings[] = {
    SETTING_KIND(struct sweep_config, method, &sampler_registry, "grid", 0,
                 "How trials are chosen."),
    SETTING_JSON(struct sweep_config, parameters, SETTING_REQUIRED,
                 "The search space. Each is a path of the spec, or a name that {name} stands for "
                 "in any text but question, expectation and on_finish (there {{ is a brace), "
                 "with a list of values (one of them may be {label, value}), or with low and "
                 "high and, where wanted, log: true, int: true, step."),
    SETTING_JSON(struct sweep_config, first, 0,
                 "What the first trials take instead of draws: a list of {parameter: value}, such "
                 "as what was best for another target."),
    SETTING_INTEGER(struct sweep_config, trials, 0, 0, BATCH_EXPERIMENTS_LIMIT, "",
                    "How many configurations to draw."),
    SETTING_INTEGER(struct sweep_config, replicates, 1, 1, BATCH_EXPERIMENTS_LIMIT, "",
                    "How many seeds each configuration is run with."),
    SETTING_INTEGER(struct sweep_config, seed, 0, 0, LARGEST_SEED, "",
                    "Of the draws, and the first replicate's; where missing, the spec's."),
    SETTING_DURATION(struct sweep_config, time, 0, 0, LONGEST,
                     "What all its runs may take, those beside one another counted each; then no "
                     "further one starts, and what waits is cancelled. 0: any time."),
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

static const struct sampler_parameter *find_parameter(const struct sampler_space *space,
                                                      const char *name)
{
    for (size_t i = 0; i < space->n; i++)
        if (strcmp(space->parameter[i].name, name) == 0)
            return &space->parameter[i];
    return NULL;
}

static bool check_first_trial(const struct sampler_sweep *sweep, const cJSON *trial, int index,
                              struct diagnostics *diagnostics)
{
    const cJSON *item;
    char path[192];
    bool good = cJSON_IsObject(trial);

    (void)snprintf(path, sizeof(path), "sweep.first[%d]", index);
    if (!good) {
        diagnostics_add(diagnostics, path, "expected {parameter: value}");
        return false;
    }
    cJSON_ArrayForEach(item, trial)
    {
        const struct sampler_parameter *parameter = find_parameter(&sweep->space, item->string);

        if (parameter && !isnan(sampler_parameter_place(parameter, item)))
            continue;
        (void)snprintf(path, sizeof(path), "sweep.first[%d].%s", index, item->string);
        diagnostics_add(diagnostics, path, "%s",
                        parameter ? "the parameter has no such value"
                                  : "there is no such parameter in sweep.parameters");
        good = false;
    }
    return good;
}

static bool check_first(const struct sampler_sweep *sweep, struct diagnostics *diagnostics)
{
    const cJSON *first = sweep->config.first, *trial;
    bool good = true;
    int i = 0;

    if (!first)
        return true;
    if (!cJSON_IsArray(first) || cJSON_GetArraySize(first) > sweep->trials) {
        diagnostics_add(diagnostics, "sweep.first",
                        "expected a list, of at most as many as trials");
        return false;
    }
    if (sweep->method == &sampler_grid) {
        diagnostics_add(diagnostics, "sweep.first", "a grid tries every combination anyway");
        return false;
    }
    cJSON_ArrayForEach(trial, first) good &= check_first_trial(sweep, trial, i++, diagnostics);
    return good;
}

/* What is decided when a trial begins cannot be what decides whether it may, nor its seed. */
static const char *const early[] = {"resources", "queue", "seed"};
#define N_EARLY (sizeof(early) / sizeof(early[0]))

static bool names_early(const char *path)
{
    for (size_t i = 0; i < N_EARLY; i++)
        if (parameter_lies_within(path, early[i]))
            return true;
    return false;
}

static bool check_learning(const struct sampler_sweep *sweep, struct diagnostics *diagnostics)
{
    const char *method = sweep->method->kind.name;
    char path[160];
    bool good = true;

    if (!sweep->config.goal.minimize && !sweep->config.goal.maximize) {
        diagnostics_add(diagnostics, "sweep.goal", "missing: what %s learns from", method);
        good = false;
    }
    for (size_t i = 0; i < sweep->space.n; i++) {
        const char *name = sweep->space.parameter[i].name;

        if (!names_early(name))
            continue;
        (void)snprintf(path, sizeof(path), "sweep.parameters.%s", name);
        diagnostics_add(diagnostics, path, "%s decides when a trial begins, which is too late",
                        method);
        good = false;
    }
    return good;
}

/* The name between the first braces that stand for a parameter; NULL: there are none. */
static const char *find_placeholder(const char *text, size_t *ret_length)
{
    const char *brace = strchr(text, '{');

    while (brace && brace[1] == '{')
        brace = strchr(brace + 2, '{');
    if (!brace)
        return NULL;
    *ret_length = strcspn(brace + 1, "}");
    return brace[1 + *ret_length] == '}' ? brace + 1 : NULL;
}

static bool check_early_text(const struct sampler_sweep *sweep, const char *text, const char *path,
                             struct diagnostics *diagnostics)
{
    size_t length;
    const char *name = find_placeholder(text, &length);

    if (!name)
        return true;
    diagnostics_add(diagnostics, path, "{%.*s} is what %s decides when a trial begins: too late",
                    (int)length, name, sweep->method->kind.name);
    return false;
}

static bool check_early(const struct sampler_sweep *sweep, const cJSON *node, const char *path,
                        struct diagnostics *diagnostics)
{
    const cJSON *child;
    bool good = true;
    int i = 0;

    if (cJSON_IsString(node))
        return check_early_text(sweep, node->valuestring, path, diagnostics);
    cJSON_ArrayForEach(child, node)
    {
        char here[160];

        if (cJSON_IsArray(node))
            (void)snprintf(here, sizeof(here), "%s[%d]", path, i++);
        else
            (void)snprintf(here, sizeof(here), "%s.%s", path, child->string);
        good &= check_early(sweep, child, here, diagnostics);
    }
    return good;
}

bool sampler_sweep_check_base(const struct sampler_sweep *sweep, const cJSON *base,
                              struct diagnostics *diagnostics)
{
    bool good = true;

    for (size_t i = 0; sweep->method->improve && i < N_EARLY; i++) {
        const cJSON *part = json_member(base, early[i]);

        good &= !part || check_early(sweep, part, early[i], diagnostics);
    }
    return good;
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
    good = good && count_trials(sweep, diagnostics);
    return good && check_first(sweep, diagnostics) &&
           (!sweep->method->improve || check_learning(sweep, diagnostics));
}

/* Given values stand in the place of drawn ones. */
static bool put_first(const struct sampler_sweep *sweep, int64_t trial, cJSON *parameters,
                      struct error *error)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetArrayItem(sweep->config.first, (int)trial))
    {
        cJSON *copy = cJSON_Duplicate(item, true);

        if (!copy || !cJSON_ReplaceItemInObjectCaseSensitive(parameters, item->string, copy)) {
            cJSON_Delete(copy);
            return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, trial);
        }
    }
    return true;
}

static bool is_first(const struct sampler_sweep *sweep, int64_t trial)
{
    return sweep->config.first && trial < cJSON_GetArraySize(sweep->config.first);
}

bool sampler_improve(const struct sampler_sweep *sweep, int64_t trial,
                     const struct sampler_history *history, cJSON **ret_parameters,
                     struct error *error)
{
    scoped(json_free) cJSON *parameters = cJSON_CreateObject();
    bool done;

    *ret_parameters = NULL;
    if (!sweep->method->improve || is_first(sweep, trial))
        return true;
    if (!parameters)
        return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, trial);
    if (!sweep->method->improve(sweep, trial, history, parameters, &done, error))
        return false;
    if (done)
        *ret_parameters = take(&parameters);
    return true;
}

bool sampler_propose(const struct sampler_sweep *sweep, int64_t trial, cJSON **ret_parameters,
                     struct error *error)
{
    scoped(json_free) cJSON *parameters = cJSON_CreateObject();

    if (!parameters)
        return error_set(error, ERROR_NO_MEMORY, "proposing trial %" PRId64, trial);
    if (!sweep->method->propose(&sweep->space, trial, parameters, error) ||
        (is_first(sweep, trial) && !put_first(sweep, trial, parameters, error)))
        return false;
    *ret_parameters = take(&parameters);
    return true;
}
