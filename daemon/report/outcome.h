/* What a batch asked and what came of it: shared by `report` and `search`. */
#ifndef NIGHTJAR_DAEMON_REPORT_OUTCOME_H
#define NIGHTJAR_DAEMON_REPORT_OUTCOME_H

#include "daemon/report/summary.h"
#include "daemon/store/report.h"

/* id, name, question, expectation, first, last, created, ended, counts, metric, goal. */
bool outcome_add_head(struct store *store, const struct store_batch_head *head,
                      const struct summary *summary, cJSON *batch, struct error *error);

enum outcome_marks { OUTCOME_ANY, OUTCOME_MARKED, OUTCOME_UNMARKED };
/* The best single experiment among those whose marks are so; it need not be of the best
 * configuration. Null: none. */
bool outcome_add_best(cJSON *batch, const char *name, const struct summary *summary,
                      enum outcome_marks marks, struct error *error);

#endif
