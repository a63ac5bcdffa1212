/* The spec's "data.split": its settings, and what no single one of them can check. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_CONFIG_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_CONFIG_H

#include "common/json.h"
#include "common/spec/setting.h"

#include <stdbool.h>
#include <stdint.h>

enum split_windows { SPLIT_WINDOWS_BLOCKS, SPLIT_WINDOWS_RANDOM };

struct split_config {
    struct kind_choice by; /* of split_registry; see split_kind_of() */
    cJSON *train; /* what belongs to a part: a share, a list of values or files, a file of row
                     numbers */
    cJSON *valid;
    cJSON *test;
    struct setting_texts group; /* columns; n == 0: data.group */
    char *column;
    bool stratified;
    int windows; /* enum split_windows */
    int64_t folds, fold;
    int64_t seed; /* -1: the experiment's */
};
extern const struct setting split_settings[];

struct split_kind;
const struct split_kind *split_kind_of(const struct split_config *split);
/* Whether the column that decides is the one that names files, or data.split.column; whether whole
 * groups are dealt out. */
bool split_by_files(const struct split_config *split);
bool split_by_column(const struct split_config *split);
bool split_by_groups(const struct split_config *split);
/* Whether the validation part is a share of what lists leave for training. */
bool split_valid_of_rest(const struct split_config *split);

/* All complaints, at "data.split..." paths. `object`: the settings as they were given. */
struct data_config;
void split_check(const struct data_config *config, const cJSON *object,
                 struct diagnostics *diagnostics);

#endif
