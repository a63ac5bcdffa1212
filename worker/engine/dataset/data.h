/* The spec's "data": where the rows come from, what their columns mean, how they are split. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_DATA_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_DATA_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/source/source.h"

#include <stdbool.h>
#include <stdint.h>

enum split_by {
    SPLIT_BY_FRACTION,
    SPLIT_BY_GROUP,
    SPLIT_BY_COLUMN,
    SPLIT_BY_INDEX,
    SPLIT_BY_KFOLD,
    SPLIT_BY_GROUP_KFOLD,
};

struct split_config {
    int by;       /* enum split_by */
    cJSON *train; /* what belongs to a part: a share, a list of values, a file of row
                     numbers */
    cJSON *valid;
    cJSON *test;
    struct setting_texts group; /* columns; n == 0: data.group */
    char *column;
    bool stratified;
    int64_t folds, fold;
    int64_t seed; /* -1: the experiment's */
};

enum data_task { DATA_TASK_AUTO, DATA_TASK_CLASSIFICATION, DATA_TASK_REGRESSION };
enum target_transform { TARGET_TRANSFORM_NONE, TARGET_TRANSFORM_STANDARD };

struct data_config {
    char *source;
    struct kind_choice format; /* of source_registry; kind NULL: recognised */
    int header;                /* enum table_header */
    char *delimiter;
    int64_t skip;
    struct setting_texts missing, names;
    struct setting_texts id, group;
    char *time;
    struct setting_texts target, features, ignore, categorical;
    int64_t max_categories;
    int task;             /* enum data_task */
    int target_transform; /* enum target_transform */
    struct split_config split;
    char *allow_leak;
};
extern const struct setting data_settings[];

/* What no single setting can check: all complaints, at "data..." paths. `object`: the settings as
 * they were given. */
void data_check(const struct data_config *config, const cJSON *object,
                struct diagnostics *diagnostics);
/* How a file of rows is to be read; borrows from the config and the path. */
struct source_request data_request(const struct data_config *config, const char *path);

/* `path` as seen from the folder where the spec was given. */
bool data_path(const char *cwd, const char *path, struct buffer *ret_path, struct error *error);

#endif
