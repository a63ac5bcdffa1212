/*
 * Where a run's time goes: of each stage how long it took, what of that the processors worked, and
 * what was read from the disk. A stage that waits most of its time waits for the disk, or for
 * others who use the processors.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_STAGES_H
#define NIGHTJAR_WORKER_ENGINE_STAGES_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define STAGES_MAX 8

struct stage {
    const char *name; /* static */
    double wall_s, processor_s, read_mib;
};
struct stages { /* all-zero: none has ended */
    struct stage stage[STAGES_MAX];
    int n;
    struct stage before; /* counters when the one under way began */
};
void stages_start(struct stages *stages);
/* What was done since the start, or the end of the stage before, was `name`. */
void stages_end(struct stages *stages, const char *name);
/* Whether it took long, and most of that time no processor worked: the disk is slow, or far away.
 */
bool stage_waited(const struct stage *stage);
/* Reports the table "stages". */
bool stages_report(const struct stages *stages, struct error *error);

#endif
