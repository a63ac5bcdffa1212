/* What a run folder asks for: which program, where, in which environment, within which limits. */
#ifndef NIGHTJAR_WORKER_PLAN_H
#define NIGHTJAR_WORKER_PLAN_H

#include "common/blas_core.h"
#include "common/environment.h"
#include "common/error.h"
#include "common/json.h"
#include "common/process.h"
#include "common/spec/spec.h"

#include <stdbool.h>

struct plan {
    char *folder;     /* owned, absolute: the run's */
    char *experiment; /* owned, absolute: the folder above it */
    char *events;     /* owned: path of reported.jsonl */
    cJSON *frozen;    /* owned: spec.json */
    struct common_config config;
    bool pipeline;       /* the engine runs it; else a command of the user's */
    char *engine;        /* owned: path of nightjar-engine */
    const char *program; /* borrowed: what is executed */
    char **argv;         /* owned list of borrowed texts, ended by NULL */
    struct environment environment;
    char blas_core[BLAS_CORE_SIZE]; /* OPENBLAS_CORETYPE in force; "": OpenBLAS chooses */
};

void plan_release(struct plan *plan);
/* Finds the folders only. */
bool plan_locate(const char *folder, struct plan *ret_plan, struct error *error);
/* Reads spec.json, makes the folders that a run may write to, builds argv and environment. For a
 * pipeline this may run the engine's check of a BLAS core. `engine_fd` is the engine's binary
 * (borrowed as long as the plan is used); -1: the one beside this program. */
bool plan_read(struct plan *plan, int engine_fd, char *const *environment, struct error *error);
/* The working directory; "" where none was recorded. Borrowed. */
const char *plan_cwd(const struct plan *plan);
/* Reports a warning for every file that is not any more what it was at submit. */
void plan_report_changes(const struct plan *plan);

#endif
