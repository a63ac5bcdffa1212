/*
 * Where a run's time goes: of each stage how long it took, what of that the processors worked, how
 * long nothing of it worked or was in line for a processor, which is the wait for files, and what
 * was read from the disk. What is left of a stage's time others used the processors.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_STAGES_H
#define NIGHTJAR_WORKER_ENGINE_STAGES_H

#include "common/error.h"
#include "worker/engine/dataset/warning.h"

#include <stdbool.h>
#include <stdint.h>

#define STAGES_MAX 8

struct stage {
    const char *name; /* static */
    double wall_s, processor_s, read_mib;
    double file_wait_s; /* NAN: not known */
};
struct stage_counters { /* since the process began */
    double wall_s, processor_s, read_mib;
    double scheduled_s; /* of this thread: it ran, or was in line for a processor; 0: not known */
};
struct stages { /* all-zero: none has ended */
    struct stage stage[STAGES_MAX];
    int n;
    struct stage_counters before; /* when the one under way began */
};
void stages_start(struct stages *stages);
/* What was done since the start, or the end of the stage before, was `name`. */
void stages_end(struct stages *stages, const char *name);
/* Whether it took long, and most of that time no processor worked: the disk is slow, or far away.
 */
bool stage_waited(const struct stage *stage);
/* Warns where that is so of the stage in which so many rows were imported, with their rate. */
void stage_warn_slow(const struct stage *import, int64_t rows, struct warning_list *warnings);
/* Reports the table "stages". */
bool stages_report(const struct stages *stages, struct error *error);

#endif
