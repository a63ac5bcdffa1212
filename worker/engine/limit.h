/*
 * When training ends before its last epoch: after so many batches, so much time, or at an hour.
 *
 * What the clock decides is written down (decision.json in the checkpoint's folder, and an event)
 * before it is acted on, and holds for every later run under the same limits: a run that is
 * repeated from a checkpoint ends at the same batch, whatever the clock says then. So does the
 * deadline that an hour means: it is the next one from the first run's start, for all of them. A
 * restart forgets the folder, and begins anew.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LIMIT_H
#define NIGHTJAR_WORKER_ENGINE_LIMIT_H

#include "common/clock.h"
#include "common/error.h"
#include "worker/engine/train_settings.h"

#include <stdbool.h>
#include <stdint.h>

struct limit {
    const struct limit_config *config; /* borrowed, as the others */
    const char *folder;                /* of the decision; NULL: nothing is written down */
    const struct clock *clock;
    uint64_t configuration;
    int64_t deadline_ms;        /* wall clock; 0: none */
    int64_t start_ms, spent_ms; /* monotonic; what earlier runs took */
    int64_t end_step;           /* decided; -1: not yet */
};

/* "06:30"; INVALID at train.limit.until. */
bool limit_check(const struct limit_config *config, struct error *error);
/* Reads what was decided. Where no run before has one, the deadline is the next such hour from now,
 * and written down. */
bool limit_init(struct limit *ret_limit, const struct limit_config *config, const char *folder,
                const struct clock *clock, uint64_t configuration, struct error *error);
/* Time that training took in all, where earlier runs took spent_ms. */
int64_t limit_spent_ms(const struct limit *limit);
/* Whether training ends before the batch after `step`; what decides is named ("train.limit.time").
 */
bool limit_reached(struct limit *limit, int64_t step, bool *ret_reached, const char **ret_why,
                   struct error *error);

#endif
