/*
 * What a submission means: the params of `submit` -> experiments.
 *
 * Three forms: `experiments` (a list of deltas over the base), `sweep` (a sampler proposes
 * parameters), or the base alone. Both lists may also stand inside the base, as they do in a file.
 * What is stored of an experiment is the base (once a batch), its delta and its parameters;
 * compose_spec makes the spec in force of them, at submit and at each start alike.
 */
#ifndef NIGHTJAR_DAEMON_BATCH_H
#define NIGHTJAR_DAEMON_BATCH_H

#include "common/error.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/spec/spec.h"

#include <stdbool.h>
#include <stdint.h>

#define BATCH_EXPERIMENTS_LIMIT 1000000

/* More experiments than one message may hold. *ret_list NULL: there are no more; caller owns. */
struct batch_source {
    bool (*next)(void *context, cJSON **ret_list, struct error *error);
    void *context;
};

/* The submission as a whole; everything borrowed from params. */
struct batch_head {
    char name[128];
    const char *question;     /* NULL: none */
    const char *expectation;  /* NULL: none */
    const char *on_finish;    /* NULL: none */
    const cJSON *base;        /* without sweep and experiments: batch_head_read strips a copy */
    cJSON *stripped;          /* owned; what base points at where it had to be copied */
    const cJSON *experiments; /* NULL: none */
    const struct batch_source *more; /* behind `experiments`; NULL: none. Set by the caller */
    const cJSON *sweep;              /* NULL: none */
    const cJSON *environment;        /* NULL: none */
    const cJSON *fingerprints;       /* NULL: none */
    const char *cwd;                 /* "/" where not given */
    const char *token;               /* NULL: none */
    char metric[128];                /* sweep.goal; "": none */
    bool minimize;                   /* of metric */
    double time_s;                   /* sweep.time; 0: any */
    bool hold;
    int64_t seed;
};

struct batch_experiment {
    int64_t index;           /* from 0 */
    const char *name;        /* "vowel/3" */
    int64_t seed;            /* of this one */
    int64_t replicate;       /* from 0 */
    const cJSON *delta;      /* borrowed; NULL: none */
    const cJSON *parameters; /* borrowed; NULL: none. {"model[0].units": 32} or {"rate": {"label":
                           "slow", "value": 0.1}} */
    const cJSON *spec;       /* borrowed: in force */
    const struct common_config *config; /* borrowed: what common read in it */
    bool pipeline;                      /* no command */
    char configuration[HASH_TEXT_SIZE]; /* spec_configuration_key */
};

struct batch_visitor {
    bool (*visit)(void *context, const struct batch_experiment *experiment, struct error *error);
    void *context;
};

/* question, expectation, on_finish: about the batch and not about one experiment of it. */
bool batch_owns_text(const char *key);

void batch_head_release(struct batch_head *head);
/* Reads and checks what belongs to the batch as a whole. Complaints go to `diagnostics` (false,
 * error INVALID "N problems" with the first one's path). */
bool batch_head_read(const cJSON *params, struct batch_head *ret_head,
                     struct diagnostics *diagnostics, struct error *error);
/* Visits every experiment in order, one in memory at a time. Every complaint about any of them is
 * collected (to DIAGNOSTICS_LIMIT); after the first one nothing more is visited. */
bool batch_expand(const struct batch_head *head, const struct batch_visitor *visitor,
                  int64_t *ret_count, struct diagnostics *diagnostics, struct error *error);

/* `nightjard expand`: params of submit -> one JSON line an experiment {"name","seed","replicate",
 * "parameters","spec"}, or one line {"diagnostics":[...]} and an error of kind INVALID. */
bool batch_expand_lines(const cJSON *params, struct buffer *out, struct error *error);
/* `nightjard settings`: {"sweep":[settings_describe], "experiments":[...]}. Caller owns. */
bool batch_settings(cJSON **ret_settings, struct error *error);

#endif
