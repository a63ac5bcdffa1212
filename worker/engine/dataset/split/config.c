#include "worker/engine/dataset/split/config.h"

#include "worker/engine/dataset/split/kinds.h"

#include <stdio.h>
#include <string.h>

static const char *const windows_names[] = {"blocks", "random", NULL};

const struct setting split_settings[] = {
    SETTING_KIND(struct split_config, by, &split_registry, "fraction", 0,
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
                 "The column whose values decide, for column: by the parts' lists, or where none "
                 "is said they are called train, valid (validation, val) or test; rows with "
                 "others are in no part, which is told in a warning."),
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

const struct split_kind *split_kind_of(const struct split_config *split)
{
    return split->by.kind ? (const struct split_kind *)split->by.kind : &split_fraction;
}

bool split_by_files(const struct split_config *split)
{
    return split_kind_of(split)->names_files;
}

bool split_by_column(const struct split_config *split)
{
    return split_kind_of(split)->reads & SPLIT_READS_COLUMN;
}

bool split_by_groups(const struct split_config *split)
{
    return split_kind_of(split)->reads & SPLIT_READS_GROUP;
}

/* ---- what may be said of a part ---------------------------------------------------------------*/

bool split_is_share(const cJSON *said)
{
    return cJSON_IsNumber(said) && said->valuedouble >= 0 && said->valuedouble <= 1;
}

bool split_is_values(const cJSON *said)
{
    const cJSON *item;

    if (cJSON_IsString(said))
        return true;
    if (!cJSON_IsArray(said) || cJSON_GetArraySize(said) == 0)
        return false;
    cJSON_ArrayForEach(item, said)
    {
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item) && !cJSON_IsBool(item))
            return false;
    }
    return true;
}

bool split_is_names(const cJSON *said)
{
    const cJSON *item;

    if (!split_is_values(said))
        return false;
    cJSON_ArrayForEach(item, said)
    {
        if (!cJSON_IsString(item))
            return false;
    }
    return true;
}

bool split_always_lists(const struct split_config *split)
{
    (void)split;
    return true;
}

void split_check_share(const cJSON *said, const char *path, struct diagnostics *diagnostics)
{
    if (!split_is_share(said))
        diagnostics_add(diagnostics, path, "expected a share of the rows from 0 to 1");
}

void split_check_fold(const cJSON *said, const char *path, struct diagnostics *diagnostics)
{
    if (!split_is_share(said) || said->valuedouble == 1)
        diagnostics_add(diagnostics, path, "expected a share from 0 to below 1");
}

/* ---- checks -----------------------------------------------------------------------------------*/

/* Where the other parts are lists, part of what they leave for training may validate. */
static bool is_rest_share(const struct split_config *split, const cJSON *said, enum split_part part)
{
    const struct split_kind *kind = split_kind_of(split);

    return part == SPLIT_VALID && kind->lists && kind->lists(split) && split_is_share(said) &&
           said->valuedouble < 1;
}

bool split_valid_of_rest(const struct split_config *split)
{
    return split->valid && is_rest_share(split, split->valid, SPLIT_VALID);
}

static void check_shares(const struct split_config *split, struct diagnostics *diagnostics)
{
    const cJSON *const said[] = {split->train, split->valid, split->test};
    double sum = 0;
    int shares = 0, lists = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        if (said[i] && is_rest_share(split, said[i], (enum split_part)i))
            continue;
        shares += said[i] && cJSON_IsNumber(said[i]);
        lists += said[i] && !cJSON_IsNumber(said[i]);
        sum += said[i] && cJSON_IsNumber(said[i]) ? said[i]->valuedouble : 0;
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
        unsigned read;
    } rule[] = {
        {"group", SPLIT_READS_GROUP},           {"column", SPLIT_READS_COLUMN},
        {"stratified", SPLIT_READS_STRATIFIED}, {"windows", SPLIT_READS_WINDOWS},
        {"folds", SPLIT_READS_FOLDS},           {"fold", SPLIT_READS_FOLD},
    };
    const struct split_kind *kind = split_kind_of(split);

    for (size_t i = 0; i < sizeof(rule) / sizeof(rule[0]); i++) {
        char path[64];

        if (!json_member(object, rule[i].name) || kind->reads & rule[i].read)
            continue;
        if (rule[i].read == SPLIT_READS_STRATIFIED && split_valid_of_rest(split))
            continue;
        (void)snprintf(path, sizeof(path), "data.split.%s", rule[i].name);
        diagnostics_add(diagnostics, path, "is not read by a split by %s", kind->kind.name);
    }
}

static void check_parts(const struct split_config *split, struct diagnostics *diagnostics)
{
    const struct split_kind *kind = split_kind_of(split);
    const cJSON *const said[] = {split->train, split->valid, split->test};
    char path[64];

    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        if (!said[i] || is_rest_share(split, said[i], (enum split_part)i))
            continue;
        (void)snprintf(path, sizeof(path), "data.split.%s", split_part_name[i]);
        if (i != SPLIT_VALID && kind->reads & SPLIT_READS_FOLD)
            diagnostics_add(diagnostics, path, "'%s' takes its %s rows from the folds",
                            kind->kind.name, split_part_name[i]);
        else
            kind->check_part(said[i], path, diagnostics);
    }
}

void split_check(const struct data_config *config, const cJSON *object,
                 struct diagnostics *diagnostics)
{
    const struct split_config *split = &config->split;
    const struct split_kind *kind = split_kind_of(split);

    check_parts(split, diagnostics);
    if (kind->shares)
        check_shares(split, diagnostics);
    check_unread(split, object, diagnostics);
    if (split_by_groups(split) && split->group.n == 0 && config->group.n == 0)
        diagnostics_add(diagnostics, "data.split.group", "is needed for a split by %s",
                        kind->kind.name);
    if (kind->check)
        kind->check(config, diagnostics);
    if (split->fold >= split->folds && split->by.kind != &split_leave_one_group_out.kind)
        diagnostics_add(diagnostics, "data.split.fold", "%lld is outside [0, %lld]",
                        (long long)split->fold, (long long)split->folds - 1);
}
