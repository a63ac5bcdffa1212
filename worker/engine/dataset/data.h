/* The spec's "data": where the rows come from, what their columns mean, how they are split. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_DATA_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_DATA_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/source/source.h"
#include "worker/engine/dataset/split/config.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA_TIME_ROW "row" /* the row's number in the file, where no column is called so */

enum check_level { CHECK_OFF, CHECK_WARNING, CHECK_ERROR };
struct checks_config { /* of recordings: enum check_level each */
    int order, duplicates, gaps, constant;
};

enum unseen_classes { UNSEEN_WARNING, UNSEEN_ERROR, UNSEEN_DROP };
enum missing_targets { MISSING_TARGETS_REFUSE, MISSING_TARGETS_DROP };
enum data_task { DATA_TASK_AUTO, DATA_TASK_CLASSIFICATION, DATA_TASK_REGRESSION };
enum target_transform {
    TARGET_TRANSFORM_NONE,
    TARGET_TRANSFORM_STANDARD,
    TARGET_TRANSFORM_LOG,
    TARGET_TRANSFORM_LOG_STANDARD,
};

enum long_targets { LONG_OFF, LONG_NUMBER, LONG_ONE_HOT };

struct data_config {
    struct setting_texts source; /* files and patterns of them; see files.h */
    struct kind_choice format;   /* of source_registry; kind NULL: recognised */
    struct kind_choices join;    /* of join_registry */
    int header;                  /* enum table_header */
    char *delimiter;
    int64_t skip;
    struct setting_texts missing, names;
    struct setting_texts id, group;
    struct setting_texts series;
    char *time;  /* a column, or DATA_TIME_ROW */
    double rate; /* samples per second; 0: not said */
    double gap;  /* s; 0: as the rate has it, see data_gap() */
    struct setting_texts constant;
    struct checks_config checks;
    struct setting_texts target, features, ignore, categorical, numeric, dates;
    struct setting_texts where; /* conditions: where.h */
    int64_t max_categories;
    int task;             /* enum data_task */
    int unseen_classes;   /* enum unseen_classes */
    int missing_targets;  /* enum missing_targets */
    int target_transform; /* enum target_transform */
    int long_targets;     /* enum long_targets */
    struct split_config split;
    char *allow_leak;
    bool foretells; /* no setting: windows with a horizon, so that a target may be a feature too */
};
extern const struct setting data_settings[];

/* What no single setting can check: all complaints, at "data..." paths. `object`: the settings as
 * they were given. */
void data_check(const struct data_config *config, const cJSON *object,
                struct diagnostics *diagnostics);
/* INVALID: a target is a feature too where nothing is foretold. False. */
bool data_refuse_own_past(const char *name, struct error *error);
/* Whether its rows are ordered into recordings. */
bool data_has_series(const struct data_config *config);
/* Two rows of a recording that are further apart have a gap between them: s; INFINITY: none have.
 */
double data_gap(const struct data_config *config);
/* How a source of rows is to be read; borrows from the config and the path. */
struct source_request data_request(const struct data_config *config, const char *path);

/* `path` as seen from the folder where the spec was given. */
bool data_path(const char *cwd, const char *path, struct buffer *ret_path, struct error *error);

#endif
