/* What the engine reads of a spec: data, prepare, model, train, evaluate. */
#ifndef NIGHTJAR_WORKER_ENGINE_ENGINE_SPEC_H
#define NIGHTJAR_WORKER_ENGINE_ENGINE_SPEC_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/train.h"

#include <stdbool.h>

struct evaluate_config {
    struct kind_choices metrics; /* n == 0: the task's defaults */
    bool predictions, logits;
    int64_t bootstrap; /* draws of the test rows; 0: none */
    bool balanced;     /* measure classes in equal numbers, too */
    bool test;         /* the test part is measured and predicted */
    char *snapshots;   /* a run whose snapshots are measured, instead of training; NULL: none */
};

struct engine_spec { /* all-zero is a valid empty one */
    struct data_config data;
    struct kind_choices prepare; /* of transform_registry */
    struct kind_choices model;   /* of model_registry */
    struct train_config train;
    struct evaluate_config evaluate;
};
extern const struct setting engine_settings[];

void engine_spec_release(struct engine_spec *spec);
/* Reads the engine's keys of a whole spec; others are left to their owners. All complaints go to
 * `diagnostics`; false if there was one. *spec is to be released in any case. `stored`: with
 * all defaults written out, by a run that had checked how settings go together. */
bool engine_spec_parse(const cJSON *root, bool stored, struct engine_spec *spec,
                       struct diagnostics *diagnostics);
/* The same where only data and prepare matter: a model need not be said, and one that is missing is
 * added to `root`. INVALID: the first complaint. */
bool engine_spec_parse_data(cJSON *root, struct engine_spec *spec, struct error *error);

#endif
