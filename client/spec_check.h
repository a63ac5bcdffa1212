/*
 * Is a spec good? Every problem with its line, before anything is sent.
 *
 * A single command is checked right here. Sweeps, lists and pipelines are expanded by `nightjard
 * expand` and checked by `nightjar-engine check`; no daemon is needed. Replicates are checked once,
 * and of many configurations the first SPEC_CHECK_CONFIGURATIONS_LIMIT.
 */
#ifndef NIGHTJAR_CLIENT_SPEC_CHECK_H
#define NIGHTJAR_CLIENT_SPEC_CHECK_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SPEC_CHECK_CONFIGURATIONS_LIMIT 500

struct spec_problem {
    char path[128];
    char message[768]; /* without the path; of some trials only: with their parameters */
    int line;          /* 0: none */
};

struct spec_range { /* over all configurations; low > high: nothing known */
    double low, high;
};

/* All-zero is valid and empty. */
struct spec_check {
    char *name;                   /* owned: the file's */
    struct spec_problem *problem; /* owned, by line */
    size_t n_problems;
    bool overflow;   /* there are more than are listed */
    cJSON *warnings; /* owned list of texts; NULL: none */
    cJSON *hints;    /* owned list of texts, of what might be done better; NULL: none */
    cJSON *sources;  /* owned list of paths; NULL: none */
    char *first;     /* owned: JSON, what the engine is asked about the first configuration; NULL:
                        there are commands only */
    int64_t n_experiments;
    int64_t n_checked; /* configurations the engine looked at; 0: commands only */
    bool all_checked;  /* there are no more of them */
    struct spec_range rows, features, classes, parameters, memory_bytes;
    struct spec_range train;      /* rows to train on */
    struct spec_range expected_s; /* of a run, by what experiments like it took */
    char *expected;               /* owned: which ones, of the first; NULL: not known */
};
void spec_check_release(struct spec_check *check);

/* `params` are those of `submit` (base, experiments, sweep, cwd, seed); `file` gives lines and the
 * name, NULL: none. Problems are no failure: false only where the check itself could not be made.
 */
bool spec_check(const cJSON *params, const struct spec_file *file, struct spec_check *ret_check,
                struct error *error);

/* One line each: "night.yaml:12: train.optimizer.rate: -1 is outside (0, 10]". */
void spec_check_print_problems(const struct spec_check *check, FILE *out);
void spec_check_print_warnings(const struct spec_check *check, FILE *out);
void spec_check_print_hints(const struct spec_check *check, FILE *out);
/* {file, good, diagnostics:[{path, message, line}], warnings, hints, sources, experiments, checked,
 * summary:{rows, features, classes, parameters:[low, high], memory_bytes:[low, high],
 * expected_s:[low, high], expected}}. NULL: no memory. Caller owns. */
cJSON *spec_check_json(const struct spec_check *check);

#endif
