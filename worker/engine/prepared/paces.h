/*
 * How long epochs took: what tells, before a first epoch ends, how long a training will take.
 *
 *   <folder>/paces   a line a run that trained to its end: the machine and its kernel, the kinds of
 *                    layers (hashed), steps, width, training rows, batch, parameters, the
 *                    experiment, seconds of an epoch, seconds of all that is not training
 *
 * The median of a run's epochs counts, so that one that was paused does not. Times of other
 * machines, of other kinds of layers or other numbers of steps say nothing.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_PACES_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_PACES_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace_work { /* what decides it */
    uint64_t kinds;
    int64_t steps, width; /* of a sample's first input */
    int64_t rows, batch;
    int64_t parameters; /* 0: not counted, as of trees */
};

struct pace_guess {
    int64_t experiment; /* whose times it comes from; 0: none is like it */
    double epoch_s, rest_s;
    double parameters, rows; /* as factors of that experiment's; 1: the same */
};

bool paces_add(const char *folder, const struct pace_work *work, int64_t experiment, double epoch_s,
               double rest_s, struct error *error);
/* Of those with no more than ten times the parameters, or a tenth of them, the one that is most
 * like it, of several the latest; an epoch's time is scaled by rows and parameters. */
bool paces_guess(const char *folder, const struct pace_work *work, struct pace_guess *ret_guess,
                 struct error *error);

#define PACE_TEXT_SIZE 160
/* "experiment 12 took that", "scaled from experiment 12, by 2.1 in parameters". Returns `text`. */
const char *pace_text(const struct pace_guess *guess, char text[PACE_TEXT_SIZE]);

#endif
