/*
 * Sweeps: a search space, and the methods that propose trials from it.
 *
 * What a method proposes at the submission is a function of (space, seed, trial). One that learns
 * proposes anew when a trial begins, from what is known then of the others; what it said is stored.
 * Trials that try the same have seeds of their own: a repeat's begin where those before it end.
 * A method is one file with one descriptor, listed in registry.c.
 */
#ifndef NIGHTJAR_DAEMON_SAMPLER_SAMPLER_H
#define NIGHTJAR_DAEMON_SAMPLER_SAMPLER_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sampler_form { SAMPLER_CHOICE, SAMPLER_REAL, SAMPLER_INTEGER };

struct sampler_parameter {
    const char *name; /* borrowed from the sweep: train.optimizer.rate */
    enum sampler_form form;
    cJSON *values;       /* owned; CHOICE: what parameter_value understands */
    const cJSON **value; /* owned: the items of `values`, each to be found at once */
    int64_t n_values;
    double low, high;
    double step; /* 0: none */
    bool log;
};

struct sampler_space {
    struct sampler_parameter *parameter; /* owned; in the order of the file */
    size_t n;
    int64_t trials; /* 0: not said */
    int64_t replicates;
    uint64_t seed;
};

struct sampler_trial { /* one that has begun */
    int64_t number;
    const cJSON *parameters; /* borrowed */
    double value;            /* NaN: none, or none yet */
};
struct sampler_history {
    const struct sampler_trial *trial; /* borrowed */
    size_t n;
    bool minimize;
};

struct sampler_sweep; /* below */

struct sampler_kind {
    struct kind kind; /* "grid"; first, so that a registry of kinds leads back here */
    /* How many trials. INVALID, with the path of the setting: this space has no such thing. */
    bool (*count)(const struct sampler_space *space, int64_t *ret_trials, struct error *error);
    /* Sets the value (labelled or not) of each parameter in `parameters`. */
    bool (*propose)(const struct sampler_space *space, int64_t trial, cJSON *parameters,
                    struct error *error);
    /* The same from what is known; *ret_done false: it stays with what propose() said. NULL: a
     * method that does not learn. */
    bool (*improve)(const struct sampler_sweep *sweep, int64_t trial,
                    const struct sampler_history *history, cJSON *parameters, bool *ret_done,
                    struct error *error);
};

extern const struct kind_registry sampler_registry;
extern const struct sampler_kind sampler_grid, sampler_random, sampler_tpe;
/* The method that a stored sweep names. NULL: this version has none of that name. */
const struct sampler_kind *sampler_of(const cJSON *sweep);

struct sweep_goal {
    char *minimize, *maximize; /* names of metrics; at most one of them */
};
struct sweep_config {
    struct kind_choice method;
    cJSON *parameters;
    cJSON *first; /* NULL: none */
    int64_t trials;
    int64_t replicates;
    int64_t seed;
    double time; /* seconds; 0: any */
    struct sweep_goal goal;
};
extern const struct setting sweep_settings[];
extern const struct setting sampler_range_settings[]; /* {low, high, log, int, step, ...} */

struct sampler_sweep {
    struct sweep_config config;
    struct sampler_space space;
    const struct sampler_kind *method;
    int64_t trials; /* count */
};

void sampler_sweep_release(struct sampler_sweep *sweep);
/* Reads what stands at `sweep`; borrows names from it. `seed` is the batch's, which batch_head_read
 * took from the sweep where it has one. False: `diagnostics` got at least one complaint, or there
 * is no memory (overflow). */
bool sampler_sweep_read(const cJSON *sweep, uint64_t seed, struct sampler_sweep *ret_sweep,
                        struct diagnostics *diagnostics);
/* The parameters of one trial; caller owns. */
bool sampler_propose(const struct sampler_sweep *sweep, int64_t trial, cJSON **ret_parameters,
                     struct error *error);
/* What it begins with instead, by a method that learns. *ret_parameters NULL: it stays as it is. */
bool sampler_improve(const struct sampler_sweep *sweep, int64_t trial,
                     const struct sampler_history *history, cJSON **ret_parameters,
                     struct error *error);

/* For methods. */
bool sampler_parameter_read(const char *name, const cJSON *json,
                            struct sampler_parameter *ret_parameter,
                            struct diagnostics *diagnostics);
/* Distinct values; 0: not countable (a real range without step). */
int64_t sampler_parameter_count(const struct sampler_parameter *parameter);
/* The index-th of them. NULL: no memory. Caller owns. */
cJSON *sampler_parameter_value(const struct sampler_parameter *parameter, int64_t index);
/* The value at a place from 0 to 1 of the range, or of the list. NULL: no memory. Caller owns. */
cJSON *sampler_parameter_at(const struct sampler_parameter *parameter, double place);
/* The place of a value, or NaN: the parameter has no such value. */
double sampler_parameter_place(const struct sampler_parameter *parameter, const cJSON *value);

#endif
