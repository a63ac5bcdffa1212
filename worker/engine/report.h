/*
 * What the engine tells while it runs: lines of reported.jsonl ($NIGHTJAR_EVENTS). Formats are
 * listed in docs/events.md. Without NIGHTJAR_EVENTS lines go to standard output, so that the engine
 * can be run by hand. What is too long for a line is left out with a warning, what is too much for
 * the file is lost.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_REPORT_H
#define NIGHTJAR_WORKER_ENGINE_REPORT_H

#include "common/error.h"
#include "common/json.h"

#include <stdint.h>

#define REPORT_FINAL (-1) /* instead of a step: the value that counts */

enum goal { GOAL_NONE, GOAL_MINIMIZE, GOAL_MAXIMIZE }; /* which direction of a number is better */

bool report_start(struct error *error); /* reads NIGHTJAR_EVENTS */
bool report_sync(struct error *error);  /* fdatasync: before a result may be taken as final */
void report_stop(void);

/* `naive` is NAN where there is no naive score. */
bool report_metric(const char *name, enum goal goal, double value, int64_t step, double naive,
                   struct error *error);
/* `left_s`: seconds that the rest is expected to take; NAN: not known. */
bool report_progress(double done, double total, const char *unit, double left_s,
                     struct error *error);
/* `where` may be NULL (a layer, a column); figure NAN where none. */
__attribute__((format(printf, 4, 5))) bool
report_warning(const char *where, double figure, struct error *error, const char *format, ...);
__attribute__((format(printf, 2, 3))) bool report_note(struct error *error, const char *format,
                                                       ...);
bool report_mark(const char *mark, const char *reason, int64_t count,
                 struct error *error); /* "LEAK" */
bool report_artifact(const char *name, const char *path,
                     struct error *error); /* path relative to the run */
bool report_event(const char *event, cJSON **fields,
                  struct error *error); /* anything else; takes *fields */

#endif
