/* What training watches after each epoch: the validation metrics, and the one value that decides
 * which epoch is the best. */
#ifndef NIGHTJAR_WORKER_ENGINE_WATCH_H
#define NIGHTJAR_WORKER_ENGINE_WATCH_H

#include "common/error.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/train.h"

#include <stdbool.h>
#include <stdint.h>

struct watch {          /* all-zero is a valid empty one */
    const char *metric; /* borrowed: "valid.loss"; NULL: nothing decides */
    int64_t patience;
    double min_delta;
    enum goal goal;
    struct distribution_shape shape; /* of predictions */
    struct kind_choice *item;        /* owned; their configs are borrowed */
    int64_t n_metrics;
};

/* `train` and `valid`: the rows that their samples tell (told.h).
 * INVALID at train.early_stopping.metric where nothing of that name is measured. Without a
 * validation part and without patience a "valid." metric is not watched. */
bool watch_init(struct watch *ret_watch, const struct early_stopping_config *config,
                const struct kind_choices *metrics, const struct sample_set *set,
                const struct distribution_shape *shape, const struct row_list *train,
                const struct row_list *valid, struct error *error);
void watch_release(struct watch *watch);

bool watch_evaluate(const struct watch *watch, const struct sample_set *set,
                    const struct row_list *valid, const double *prediction,
                    struct evaluation *ret_evaluation, struct error *error);
/* The value that decides; NAN where it is undefined. */
double watch_value(const struct watch *watch, double train_loss, double valid_loss,
                   const struct evaluation *evaluation);
/* value: not NAN. */
bool watch_improved(const struct watch *watch, double value, bool has_best, double best);

#endif
