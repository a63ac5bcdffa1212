#include "worker/engine/dataset/data.h"

#include "worker/engine/dataset/source/join.h"
#include "worker/engine/dataset/where.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const header_names[] = {"auto", "true", "false", NULL};
static const char *const task_names[] = {"auto", "classification", "regression", NULL};
static const char *const transform_names[] = {"none", "standard", "log", "log_standard", NULL};
static const char *const unseen_names[] = {"warning", "error", "drop", NULL};
static const char *const missing_names[] = {"refuse", "drop", NULL};
static const char *const long_names[] = {"off", "number", "one_hot", NULL};
static const char *const level_names[] = {"off", "warning", "error", NULL};

#define NAMES_MAX 100000
#define GAP_STEPS 1.5 /* of the sample rate: more is a gap */

static const struct setting checks_settings[] = {
    SETTING_CHOICE(struct checks_config, order, CHECK_OFF, level_names,
                   "Rows of a recording that stand in the file in another order than that of their "
                   "time; they are put into order in any case."),
    SETTING_CHOICE(struct checks_config, duplicates, CHECK_WARNING, level_names,
                   "Rows of a recording with the same time."),
    SETTING_CHOICE(struct checks_config, gaps, CHECK_WARNING, level_names,
                   "Rows of a recording that are further apart than data.gap; no window crosses "
                   "such a gap."),
    SETTING_CHOICE(struct checks_config, constant, CHECK_ERROR, level_names,
                   "Columns of data.constant that change within a recording."),
    {0},
};

const struct setting data_settings[] = {
    {.name = "source",
     .type = SETTING_TYPE_TEXTS,
     .flags = SETTING_REQUIRED,
     .offset = SETTING_OFFSET(struct data_config, source, struct setting_texts),
     .min_items = 1,
     .max_items = 10000,
     .unit = "",
     .help = "The file or folder that holds the rows; .gz is read as gzip. Several, or a pattern "
             "such as day*.csv: files of the same columns, whose rows follow one another; the "
             "column 'file' says which one a row is from."},
    SETTING_KIND(struct data_config, format, &source_registry, NULL, 0,
                 "The format of the source. Left out: recognised by name and content."),
    SETTING_KINDS(struct data_config, join, &join_registry, 0, 16, SETTING_SCALAR_OK,
                  "Other tables, whose columns are looked up for each row by a key."),
    SETTING_CHOICE(struct data_config, header, TABLE_HEADER_AUTO, header_names,
                   "Whether the first record names the columns; auto: where none of its fields is "
                   "a number or missing. Without names columns are called c1, c2, ..."),
    SETTING_TEXT(struct data_config, delimiter, NULL, 0,
                 "The character between fields. Left out: a comma, or a tab for .tsv."),
    SETTING_INTEGER(struct data_config, skip, 0, 0, 1000000, "lines",
                    "Lines to pass over before the first record."),
    SETTING_TEXTS(
        struct data_config, missing, 0, 100,
        "Texts that stand for a missing value, in joined tables too. Left out: empty, NA, "
        "N/A, NaN, nan, null, NULL, None, ?."),
    SETTING_TEXTS(
        struct data_config, names, 0, NAMES_MAX,
        "Names of all columns, instead of the header's. New rows for predict may lack the "
        "targets, all of them."),
    SETTING_TEXTS(struct data_config, id, 0, 16,
                  "Columns that name a row; together they are unique, and predictions carry them."),
    SETTING_TEXTS(struct data_config, group, 0, 16,
                  "Columns whose rows belong together (a person, a recording): a split that cuts "
                  "through a group leaks."),
    SETTING_TEXTS(struct data_config, series, 0, 16,
                  "Columns that together name a recording, whose rows follow one another in time. "
                  "Left out: with data.time the file is one recording."),
    SETTING_TEXT(struct data_config, time, NULL, 0,
                 "The column that holds the time, a number by which the rows of a recording are "
                 "ordered; it is no feature. A double: of nanoseconds since 1970 it tells steps of "
                 "256 apart. row: the order of the file."),
    SETTING_REAL(struct data_config, rate, 0, 0, 1e9, 0, "1/s",
                 "Rows that a recording has in a second of its time; 0: not known."),
    SETTING_REAL(struct data_config, gap, 0, 0, 1e12, 0, "s",
                 "Rows of a recording that are further apart have a gap between them. 0: 1.5 steps "
                 "of data.rate, without which there are no gaps."),
    SETTING_TEXTS(struct data_config, constant, 0, 16,
                  "Columns that must not change within a recording."),
    SETTING_NESTED(struct data_config, checks, struct checks_config, checks_settings,
                   "What is done about recordings that are not as they should be."),
    SETTING_TEXTS(struct data_config, target, 0, NAMES_MAX,
                  "The column to predict; several for regression."),
    SETTING_TEXTS(struct data_config, features, 0, NAMES_MAX,
                  "Columns to predict from. Left out: all that have no other role."),
    SETTING_TEXTS(struct data_config, ignore, 0, NAMES_MAX, "Columns to leave out."),
    SETTING_TEXTS(struct data_config, categorical, 0, NAMES_MAX,
                  "Features whose numbers are names of categories; texts always are."),
    SETTING_TEXTS(struct data_config, numeric, 0, NAMES_MAX,
                  "Features that hold numbers: a text among them is an error, however many there "
                  "are."),
    SETTING_TEXTS(struct data_config, dates, 0, NAMES_MAX,
                  "Columns of a CSV file that hold dates, as 2021-05-17 or 2021-05-17T23:59:01.5Z: "
                  "their values are seconds since 1970."),
    SETTING_TEXTS(struct data_config, where, 0, WHERE_MAX,
                  "Conditions, as in rad <= 1.8 or experiment != LOFT, all of which a row has to "
                  "meet to be in any part of the split: <= >= < > == !=. A missing value meets "
                  "none. Windows touch no row that is left out; predict answers all rows."),
    SETTING_INTEGER(struct data_config, max_categories, 1000, 2, 1000000, "categories",
                    "Most categories of one feature."),
    SETTING_CHOICE(struct data_config, task, DATA_TASK_AUTO, task_names,
                   "What is predicted; auto: classes where the target holds texts or at most 20 "
                   "different integers, else values."),
    SETTING_CHOICE(struct data_config, unseen_classes, UNSEEN_WARNING, unseen_names,
                   "What is done about validation and test rows with a class that no training row "
                   "has: a warning, an error, or drop them."),
    SETTING_CHOICE(
        struct data_config, missing_targets, MISSING_TARGETS_REFUSE, missing_names,
        "What is done about rows without a target: they are refused, or drop them, so that they "
        "are no samples; windows of others still look at them."),
    SETTING_CHOICE(
        struct data_config, target_transform, TARGET_TRANSFORM_NONE, transform_names,
        "What a regression learns instead of its targets: their distance from the mean in "
        "standard deviations, their logarithm, or both one after the other; predictions "
        "and metrics are in the targets' own units."),
    {.name = "long",
     .type = SETTING_TYPE_CHOICE,
     .offset = SETTING_OFFSET(struct data_config, long_targets, int),
     .initial = LONG_OFF,
     .choices = long_names,
     .unit = "",
     .help = "Several targets as one: a row is a sample for each of them, with a feature that says "
             "which is meant, its number (from -1 to 1) or its place, so that a model with a "
             "single output learns them all. train.batch counts rows; predictions are told as of "
             "several outputs."},
    SETTING_NESTED(struct data_config, split, struct split_config, split_settings,
                   "Which rows are for training, validation and test."),
    SETTING_TEXT(struct data_config, allow_leak, NULL, 0,
                 "The reason for which rows of one group may lie in several parts, or a model that "
                 "is named may have seen test rows; every number of the experiment is then marked "
                 "LEAK."),
    {0},
};

bool data_has_series(const struct data_config *config)
{
    return config->series.n > 0 || config->time != NULL;
}

double data_gap(const struct data_config *config)
{
    if (config->gap > 0)
        return config->gap;
    return config->rate > 0 ? GAP_STEPS / config->rate : (double)INFINITY;
}

/* ---- checks -----------------------------------------------------------------------------------*/

void data_check(const struct data_config *config, const cJSON *object,
                struct diagnostics *diagnostics)
{
    if (config->target.n == 0)
        diagnostics_add(diagnostics, "data.target", "is required: the column to predict");
    if (config->target.n > 1 && config->task == DATA_TASK_CLASSIFICATION)
        diagnostics_add(diagnostics, "data.target", "classification has one target, not %zu",
                        config->target.n);
    if (config->target_transform != TARGET_TRANSFORM_NONE &&
        config->task == DATA_TASK_CLASSIFICATION)
        diagnostics_add(diagnostics, "data.target_transform", "is for regression");
    if (config->long_targets != LONG_OFF && config->target.n < 2)
        diagnostics_add(diagnostics, "data.long", "is for several targets");
    if (config->unseen_classes != UNSEEN_WARNING && config->task == DATA_TASK_REGRESSION)
        diagnostics_add(diagnostics, "data.unseen_classes", "is for classification");
    if (config->delimiter &&
        (strlen(config->delimiter) != 1 || strchr("\"\r\n", *config->delimiter)))
        diagnostics_add(diagnostics, "data.delimiter", "expected one character");
    if (config->allow_leak && !config->allow_leak[strspn(config->allow_leak, " \t\n")])
        diagnostics_add(diagnostics, "data.allow_leak", "expected a reason in words");
    for (size_t i = 0; i < config->where.n; i++) {
        struct where_condition condition = {0};
        struct error error = {0};

        if (!where_parse(config->where.item[i], &condition, &error))
            diagnostics_add(diagnostics, error.path, "%s", error.message);
        where_condition_release(&condition);
    }
    split_check(config, json_member(object, "split"), diagnostics);
}

bool data_refuse_own_past(const char *name, struct error *error)
{
    return error_set_at(error, ERROR_INVALID, "data.features",
                        "'%s' is the target, too; what is to be predicted may be looked at only "
                        "where a regression foretells it, by windows with a horizon",
                        name);
}

struct source_request data_request(const struct data_config *config, const char *path)
{
    return (struct source_request){
        .path = path,
        .format =
            {
                .delimiter = (char)(config->delimiter ? config->delimiter[0] : '\0'),
                .header = (enum table_header)config->header,
                .skip = config->skip,
                .missing = config->missing,
                .names = config->names,
                .dates = config->dates,
                .joined = config->join.n > 0,
            },
        .kind = config->format,
    };
}

bool data_path(const char *cwd, const char *path, struct buffer *ret_path, struct error *error)
{
    buffer_clear(ret_path);
    if (path[0] == '/' || !cwd || !*cwd)
        return buffer_append_text(ret_path, path, error);
    return buffer_append_format(ret_path, error, "%s/%s", cwd, path);
}
