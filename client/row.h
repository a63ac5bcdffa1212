/*
 * How one experiment is told in a few words: its state, how far it is, what came out.
 */
#ifndef NIGHTJAR_CLIENT_ROW_H
#define NIGHTJAR_CLIENT_ROW_H

#include "client/render.h"
#include "common/json.h"

#define ROW_TEXT_SIZE 512

/* The state; of a failed one what happened ("timeout", "out of memory"). Returns `buffer`. */
const char *row_state(const cJSON *row, char buffer[ROW_TEXT_SIZE]);
bool row_has_ended(const cJSON *row);
/* Ended, or held by Nightjar itself: nothing happens any more unless somebody says so. */
bool row_is_settled(const cJSON *row);
/* "####.... 12/40 epoch"; "" where nothing is known. */
const char *row_progress(const struct render *render, const cJSON *row, char buffer[ROW_TEXT_SIZE]);
/* "12s" left, or ""; of what runs. */
const char *row_eta(const cJSON *row, char buffer[ROW_TEXT_SIZE]);
/* "test.accuracy 0.47", or why it failed, with the marks in front: "LEAK test.accuracy 0.97". */
const char *row_outcome(const cJSON *row, char buffer[ROW_TEXT_SIZE]);
/* "LEAK" or "LEAK, CHANGED"; "" where there is none. `marks` is a list of texts. */
const char *row_marks(const cJSON *marks, char buffer[ROW_TEXT_SIZE]);
/* Values as a person reads them: {label, value} by its label, numbers short, the rest as JSON. */
const char *row_value(const cJSON *value, char buffer[ROW_TEXT_SIZE]);
/* "units=32 rate=0.1" */
const char *row_parameters(const cJSON *parameters, char buffer[ROW_TEXT_SIZE]);

/* The table of `nj status` and the like; rows is a list. For a program: with the raw numbers. */
bool row_print_table(const struct render *render, const cJSON *const *row, size_t n,
                     struct error *error);
bool row_print_tabs(const struct render *render, const cJSON *const *row, size_t n,
                    struct error *error);

/* "0.481 .. 0.512", with so many decimals (0: as it comes); "" where it is not known. */
const char *row_interval(double low, double high, int decimals, char text[ROW_TEXT_SIZE]);

#endif
