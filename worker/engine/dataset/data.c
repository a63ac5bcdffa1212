#include "worker/engine/dataset/data.h"

#include "worker/engine/dataset/source/join.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const header_names[] = {"auto", "true", "false", NULL};
static const char *const task_names[] = {"auto", "classification", "regression", NULL};
static const char *const transform_names[] = {"none", "standard", "log", "log_standard", NULL};
static const char *const unseen_names[] = {"warning", "error", "drop", NULL};
static const char *const missing_names[] = {"refuse", "drop", NULL};
static const char *const windows_names[] = {"blocks", "random", NULL};
const char *const split_by_name[] = {
    "fraction", "group", "column", "index", "kfold", "group_kfold", "leave_one_group_out",
    "time",     "files", NULL};

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

static const struct setting split_settings[] = {
    SETTING_CHOICE(struct split_config, by, SPLIT_BY_FRACTION, split_by_name,
                   "What decides to which part a row belongs."),
    SETTING_JSON(
        struct split_config, train, 0,
        "The training part: a share of the rows (fraction, group, time), a list of groups or "
        "values (group, column), a file of row numbers from 0 (index), or files of rows (files), "
        "which need not be named in data.source too. Left out: what the other parts leave."),
    SETTING_JSON(
        struct split_config, valid, 0,
        "The validation part, said like train; a share of the other folds' rows for kfold, "
        "group_kfold and leave_one_group_out. A share of what is left for training where the other "
        "parts are lists or files: of whole groups where data.group is named, of stretches of each "
        "recording where there are windows. Left out: none; 0.15 where no part is said."),
    SETTING_JSON(struct split_config, test, 0,
                 "The test part, said like train. Left out: none; 0.15 where no part is said."),
    SETTING_TEXTS(
        struct split_config, group, 0, 16,
        "Columns that name a row's group, for group, group_kfold and leave_one_group_out. Left "
        "out: data.group."),
    SETTING_TEXT(struct split_config, column, NULL, 0,
                 "The column whose values decide, for column."),
    SETTING_BOOLEAN(struct split_config, stratified, 0,
                    "Keep the classes' shares equal in all parts: where single rows are dealt out "
                    "by shares."),
    SETTING_CHOICE(
        struct split_config, windows, SPLIT_WINDOWS_BLOCKS, windows_names,
        "How fraction and kfold divide windows: blocks cuts each recording into "
        "stretches, in time train before valid before test, and leaves out windows that "
        "would lie in two parts; random deals out single windows, which leaks where they "
        "overlap."),
    SETTING_INTEGER(struct split_config, folds, 5, 2, 100000, "folds",
                    "Number of folds, for kfold and group_kfold."),
    SETTING_INTEGER(struct split_config, fold, 0, 0, 99999, "",
                    "The fold that is the test part, from 0; for leave_one_group_out the group, in "
                    "the order in which the file has them."),
    SETTING_INTEGER(struct split_config, seed, -1, -1, 9007199254740991.0, "",
                    "Seed of the split; -1: the experiment's seed."),
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
    SETTING_TEXTS(struct data_config, missing, 0, 100,
                  "Texts that stand for a missing value. Left out: empty, NA, N/A, NaN, nan, null, "
                  "NULL, None, ?."),
    SETTING_TEXTS(struct data_config, names, 0, NAMES_MAX,
                  "Names of all columns, instead of the header's."),
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
                 "ordered; it is no feature. row: the order of the file."),
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
        "What is done about rows without a target, in a regression: they are refused, or "
        "drop them, so that they are no samples; windows of others still look at them."),
    SETTING_CHOICE(
        struct data_config, target_transform, TARGET_TRANSFORM_NONE, transform_names,
        "What a regression learns instead of its targets: their distance from the mean in "
        "standard deviations, their logarithm, or both one after the other; predictions "
        "and metrics are in the targets' own units."),
    SETTING_NESTED(struct data_config, split, struct split_config, split_settings,
                   "Which rows are for training, validation and test."),
    SETTING_TEXT(struct data_config, allow_leak, NULL, 0,
                 "The reason for which rows of one group may lie in several parts; every number of "
                 "the experiment is then marked LEAK."),
    {0},
};

bool split_by_groups(enum split_by by)
{
    return by == SPLIT_BY_GROUP || by == SPLIT_BY_GROUP_KFOLD || by == SPLIT_BY_LEAVE_ONE_GROUP_OUT;
}

bool split_by_shares(enum split_by by)
{
    return by == SPLIT_BY_FRACTION || by == SPLIT_BY_GROUP || by == SPLIT_BY_TIME;
}

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

static bool is_share(const cJSON *part)
{
    return cJSON_IsNumber(part) && part->valuedouble >= 0 && part->valuedouble <= 1;
}

/* Where the other parts are lists, part of what they leave for training may validate. */
static bool is_rest_share(const struct split_config *split, const cJSON *part,
                          enum split_part which)
{
    bool lists = split->by == SPLIT_BY_COLUMN || split->by == SPLIT_BY_INDEX ||
                 split->by == SPLIT_BY_FILES ||
                 (split->by == SPLIT_BY_GROUP && ((split->train && !cJSON_IsNumber(split->train)) ||
                                                  (split->test && !cJSON_IsNumber(split->test))));

    return lists && which == SPLIT_VALID && is_share(part) && part->valuedouble < 1;
}

bool split_valid_of_rest(const struct split_config *split)
{
    return split->valid && is_rest_share(split, split->valid, SPLIT_VALID);
}

/* A list of texts, numbers or booleans, or one of them. */
static bool is_values(const cJSON *part)
{
    const cJSON *item;

    if (cJSON_IsString(part))
        return true;
    if (!cJSON_IsArray(part) || cJSON_GetArraySize(part) == 0)
        return false;
    cJSON_ArrayForEach(item, part)
    {
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item) && !cJSON_IsBool(item))
            return false;
    }
    return true;
}

static bool is_names(const cJSON *part)
{
    const cJSON *item;

    if (!is_values(part))
        return false;
    cJSON_ArrayForEach(item, part)
    {
        if (!cJSON_IsString(item))
            return false;
    }
    return true;
}

static void check_part(const struct split_config *split, const cJSON *part, enum split_part which,
                       struct diagnostics *diagnostics)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "data.split.%s", split_part_name[which]);
    if (!part || is_rest_share(split, part, which))
        return;
    switch ((enum split_by)split->by) {
    case SPLIT_BY_KFOLD:
    case SPLIT_BY_GROUP_KFOLD:
    case SPLIT_BY_LEAVE_ONE_GROUP_OUT:
        if (which != SPLIT_VALID)
            diagnostics_add(diagnostics, path, "'%s' takes its %s rows from the folds",
                            split_by_name[split->by], split_part_name[which]);
        else if (!is_share(part) || part->valuedouble == 1)
            diagnostics_add(diagnostics, path, "expected a share from 0 to below 1");
        return;
    case SPLIT_BY_FRACTION:
    case SPLIT_BY_TIME:
        if (!is_share(part))
            diagnostics_add(diagnostics, path, "expected a share of the rows from 0 to 1");
        return;
    case SPLIT_BY_GROUP:
        if (!is_share(part) && !is_values(part))
            diagnostics_add(diagnostics, path,
                            "expected a share of the rows from 0 to 1, or a list of groups");
        return;
    case SPLIT_BY_COLUMN:
        if (!is_values(part))
            diagnostics_add(diagnostics, path, "expected a list of values of the column");
        return;
    case SPLIT_BY_INDEX:
        if (!cJSON_IsString(part))
            diagnostics_add(diagnostics, path, "expected the name of a file of row numbers");
        return;
    case SPLIT_BY_FILES:
        if (!is_names(part))
            diagnostics_add(diagnostics, path, "expected the names of files");
        return;
    }
}

static void check_shares(const struct split_config *split, struct diagnostics *diagnostics)
{
    const cJSON *const part[] = {split->train, split->valid, split->test};
    double sum = 0;
    int shares = 0, lists = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        if (part[i] && is_rest_share(split, part[i], (enum split_part)i))
            continue;
        shares += part[i] && cJSON_IsNumber(part[i]);
        lists += part[i] && !cJSON_IsNumber(part[i]);
        sum += part[i] && cJSON_IsNumber(part[i]) ? part[i]->valuedouble : 0;
    }
    if (shares > 0 && lists > 0)
        diagnostics_add(diagnostics, "data.split", "shares and lists of groups cannot be mixed");
    else if (sum > 1 + 1e-9)
        diagnostics_add(diagnostics, "data.split", "the shares add up to %g, more than 1", sum);
}

/* A setting that this kind of split does not read would be ignored silently. */
static void check_unread(const struct split_config *split, const cJSON *object,
                         struct diagnostics *diagnostics)
{
    static const struct {
        const char *name;
        unsigned readers; /* bits of enum split_by */
    } rule[] = {
        {"group",
         1U << SPLIT_BY_GROUP | 1U << SPLIT_BY_GROUP_KFOLD | 1U << SPLIT_BY_LEAVE_ONE_GROUP_OUT},
        {"column", 1U << SPLIT_BY_COLUMN},
        {"stratified", 1U << SPLIT_BY_FRACTION | 1U << SPLIT_BY_KFOLD},
        {"windows", 1U << SPLIT_BY_FRACTION | 1U << SPLIT_BY_KFOLD},
        {"folds", 1U << SPLIT_BY_KFOLD | 1U << SPLIT_BY_GROUP_KFOLD},
        {"fold",
         1U << SPLIT_BY_KFOLD | 1U << SPLIT_BY_GROUP_KFOLD | 1U << SPLIT_BY_LEAVE_ONE_GROUP_OUT},
    };

    for (size_t i = 0; i < sizeof(rule) / sizeof(rule[0]); i++) {
        char path[64];

        if (!json_member(object, rule[i].name) || rule[i].readers & 1U << split->by)
            continue;
        if (strcmp(rule[i].name, "stratified") == 0 && split_valid_of_rest(split))
            continue;
        (void)snprintf(path, sizeof(path), "data.split.%s", rule[i].name);
        diagnostics_add(diagnostics, path, "is not read by a split by %s",
                        split_by_name[split->by]);
    }
}

static void check_split(const struct data_config *config, const cJSON *object,
                        struct diagnostics *diagnostics)
{
    const struct split_config *split = &config->split;
    const cJSON *const part[] = {split->train, split->valid, split->test};
    bool grouped = split_by_groups((enum split_by)split->by);

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        check_part(split, part[i], (enum split_part)i, diagnostics);
    if (split_by_shares((enum split_by)split->by))
        check_shares(split, diagnostics);
    check_unread(split, object, diagnostics);
    if (grouped && split->group.n == 0 && config->group.n == 0)
        diagnostics_add(diagnostics, "data.split.group", "is needed for a split by %s",
                        split_by_name[split->by]);
    if (split->by == SPLIT_BY_COLUMN && !split->column)
        diagnostics_add(diagnostics, "data.split.column", "is needed for a split by column");
    if (split->by == SPLIT_BY_INDEX && !split->valid && !split->test && !split->train)
        diagnostics_add(diagnostics, "data.split", "a split by index needs a file for some part");
    if (split->by == SPLIT_BY_FILES && !is_names(split->train ? split->train : split->test) &&
        !is_names(split->valid))
        diagnostics_add(diagnostics, "data.split", "a split by files needs files for some part");
    if (split->by == SPLIT_BY_TIME && !config->time)
        diagnostics_add(diagnostics, "data.time", "is needed for a split by time");
    if (split->fold >= split->folds && split->by != SPLIT_BY_LEAVE_ONE_GROUP_OUT)
        diagnostics_add(diagnostics, "data.split.fold", "%lld is outside [0, %lld]",
                        (long long)split->fold, (long long)split->folds - 1);
}

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
    if (config->unseen_classes != UNSEEN_WARNING && config->task == DATA_TASK_REGRESSION)
        diagnostics_add(diagnostics, "data.unseen_classes", "is for classification");
    if (config->missing_targets != MISSING_TARGETS_REFUSE &&
        config->task == DATA_TASK_CLASSIFICATION)
        diagnostics_add(diagnostics, "data.missing_targets", "is for regression");
    if (config->delimiter &&
        (strlen(config->delimiter) != 1 || strchr("\"\r\n", *config->delimiter)))
        diagnostics_add(diagnostics, "data.delimiter", "expected one character");
    if (config->allow_leak && !config->allow_leak[strspn(config->allow_leak, " \t\n")])
        diagnostics_add(diagnostics, "data.allow_leak", "expected a reason in words");
    check_split(config, json_member(object, "split"), diagnostics);
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
