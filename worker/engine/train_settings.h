/* The spec's "train": how a model is trained. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRAIN_SETTINGS_H
#define NIGHTJAR_WORKER_ENGINE_TRAIN_SETTINGS_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/optimizer/update.h"

#include <stdbool.h>
#include <stdint.h>

struct early_stopping_config {
    char *metric;     /* "valid.loss", "valid.accuracy"; NULL: no early stopping */
    int64_t patience; /* epochs without improvement before it stops; 0: never stops early */
    double min_delta; /* what counts as an improvement */
    int goal;         /* 0: as the metric has it; 1: minimize; 2: maximize */
};
struct checkpoint_config { /* and at the end; never where all are 0 */
    int64_t epochs;        /* write one every so many epochs; 0: not by epochs */
    int64_t batches;       /* every so many steps; 0: not by steps */
    double time;           /* every so many seconds; 0: not by time */
};
struct limit_config { /* when training ends before its last epoch; 0 or NULL: not so */
    int64_t batches;
    double time; /* seconds, of all runs */
    char *until; /* "06:30" */
};
struct rollback_config {
    int64_t times; /* 0: never */
    double worse;  /* than the best training loss, as a factor */
    double factor; /* of the rate, each time */
};
struct snapshots_config { /* of the weights, as model files that stay */
    int64_t epochs, batches;
    int64_t from; /* the first epoch, from 1 */
};
struct start_config {
    char *model; /* a model file, a run's folder, or an experiment's number; NULL: afresh */
    char *match; /* which parameters */
    struct setting_texts names; /* "dense1=logits": what layers are called in another program's */
};
enum guard { GUARD_WARN, GUARD_STOP, GUARD_RESEED };
enum out_of_memory { OUT_OF_MEMORY_REPEAT, OUT_OF_MEMORY_HALVE };
enum train_precision { PRECISION_FLOAT32, PRECISION_FLOAT64 };
enum last_batch { LAST_BATCH_KEEP, LAST_BATCH_DROP, LAST_BATCH_PAD };

struct train_config {
    struct kind_choice loss; /* kind NULL: as the task has it, see train_complete() */
    struct kind_choice optimizer;
    struct kind_choices schedule;   /* of schedule_registry */
    struct kind_choices parameters; /* of rule_registry */
    struct clip_config clip;
    int64_t accumulate; /* batches of an update */
    double average;     /* decay of the weights' running average; 0: none */
    int precision;      /* enum train_precision: what weights and all that comes of them are */
    int64_t epochs, batch;
    int64_t parts;     /* of a batch, whose gradients are worked out one after the other */
    int out_of_memory; /* enum out_of_memory: what the next run does */
    int last_batch;    /* enum last_batch */
    bool shuffle;
    bool restore_best; /* end with the weights of the best epoch rather than the last one's */
    struct early_stopping_config early_stopping;
    struct checkpoint_config checkpoint;
    struct limit_config limit;
    struct rollback_config rollback;
    struct snapshots_config snapshots;
    struct start_config start;
    bool full_loss;       /* over all training rows, after each epoch */
    int64_t batch_losses; /* batches from one report of their losses to the next; 0: none */
    int64_t logits;       /* epochs from one table of outputs to the next; 0: none */
    int guard;            /* enum guard */
};
extern const struct setting train_settings[]; /* for struct train_config */

/* The precision that a whole spec asks for; float32 where it says nothing that is known. */
enum train_precision train_precision_of(const cJSON *spec);

/* The loss that stands where the spec names none: cross_entropy or mse. */
bool train_complete(struct train_config *config, enum task task, struct error *error);

/* Borrows from the config. */
struct update_plan train_update_plan(const struct train_config *config);

#endif
