#include "worker/engine/dataset/roles.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/where.h"

enum role {
    ROLE_ID = 1,
    ROLE_GROUP = 2,
    ROLE_TIME = 4,
    ROLE_TARGET = 8,
    ROLE_FEATURE = 16,
    ROLE_IGNORE = 32,
    ROLE_SPLIT = 64,
    ROLE_SERIES = 128,
    ROLE_CONSTANT = 256, /* these are roles beside others: what has them only is a feature */
    ROLE_WHERE = 512,
};
#define ROLES_BESIDE ((unsigned)(ROLE_CONSTANT | ROLE_WHERE))

struct resolving {
    const struct data_config *config;
    const struct table_profile *profile;
    const char *path; /* of the file */
    unsigned *role;   /* [n_columns] */
    struct roles *roles;
    struct error *error;
};

void roles_release(struct roles *roles)
{
    free(roles->form);
    free(roles->categorical);
    free(roles->feature);
    free(roles->target);
    free(roles->id);
    free(roles->group);
    free(roles->split_group);
    free(roles->series);
    free(roles->constant);
    free(roles->where);
    *roles = (struct roles){0};
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "resolving columns");
}

/* What is behind most names that are not there. */
static const char *advice(const struct table_profile *profile, char *buffer, size_t size)
{
    const char *first = profile->column[0].name;

    if (profile->n_columns == 1 && strpbrk(first, ";\t|"))
        return "; another data.delimiter would find more than one";
    if (strcmp(first, "c1") != 0)
        return "";
    (void)snprintf(buffer, size, "; without a header they are called c1 to c%lld",
                   (long long)profile->n_columns);
    return buffer;
}

static bool no_column(const struct resolving *at, const char *setting, const char *name)
{
    int64_t n = at->profile->n_columns;
    scoped(memory_free) const char **names = calloc((size_t)n, sizeof(*names));
    const char *near;
    char buffer[80];

    if (!names)
        return no_memory(at->error);
    for (int64_t i = 0; i < n; i++)
        names[i] = at->profile->column[i].name;
    near = setting_suggest(name, names, (size_t)n);
    if (near)
        return error_set_at(at->error, ERROR_INVALID, setting,
                            "%s has no column '%s'; did you mean '%s'?", at->path, name, near);
    return error_set_at(at->error, ERROR_INVALID, setting, "%s has no column '%s'%s", at->path,
                        name, advice(at->profile, buffer, sizeof(buffer)));
}

/* Gives a role to the columns named. *ret_list (may be NULL): their numbers, owned. */
static bool assign(const struct resolving *at, const struct setting_texts *names,
                   const char *setting, enum role role, int64_t **ret_list, int64_t *ret_n)
{
    scoped(memory_free) int64_t *list = calloc(names->n + 1, sizeof(*list));

    if (!list)
        return no_memory(at->error);
    for (size_t i = 0; i < names->n; i++) {
        list[i] = table_profile_find(at->profile, names->item[i]);
        if (list[i] < 0)
            return no_column(at, setting, names->item[i]);
        for (size_t j = 0; j < i; j++)
            if (list[j] == list[i])
                return error_set_at(at->error, ERROR_INVALID, setting, "'%s' is named twice",
                                    names->item[i]);
        at->role[list[i]] |= role;
    }
    if (ret_list) {
        *ret_list = take(&list);
        *ret_n = (int64_t)names->n;
    }
    return true;
}

static bool assign_one(const struct resolving *at, char *name, const char *setting, enum role role,
                       int64_t *ret)
{
    struct setting_texts names = {.item = &name, .n = 1};
    scoped(memory_free) int64_t *list = NULL;
    int64_t n;

    *ret = -1;
    if (!name)
        return true;
    if (!assign(at, &names, setting, role, &list, &n))
        return false;
    assert(list); /* one name, one column */
    *ret = list[0];
    return true;
}

/* Pairs of roles that one column cannot have. */
static bool check_conflicts(const struct resolving *at)
{
    static const struct {
        unsigned role;
        const char *setting, *other;
        unsigned others;
    } rule[] = {
        {ROLE_IGNORE, "data.ignore", "another role", ~((unsigned)ROLE_IGNORE | ROLE_WHERE)},
        {ROLE_TARGET, "data.target", "an id, group, series or time",
         ROLE_ID | ROLE_GROUP | ROLE_TIME | ROLE_SERIES},
        {ROLE_ID, "data.id", "a feature", ROLE_FEATURE},
        {ROLE_TIME, "data.time", "an id, group, series or split column",
         ROLE_ID | ROLE_GROUP | ROLE_SERIES | ROLE_SPLIT},
    };

    for (int64_t i = 0; i < at->profile->n_columns; i++) {
        bool looks_at_itself = at->role[i] & ROLE_TARGET && at->role[i] & ROLE_FEATURE;

        if (looks_at_itself && !(at->config->foretells && at->roles->task == TASK_REGRESSION))
            return data_refuse_own_past(at->profile->column[i].name, at->error);
        for (size_t j = 0; j < sizeof(rule) / sizeof(rule[0]); j++)
            if (at->role[i] & rule[j].role && at->role[i] & rule[j].others)
                return error_set_at(at->error, ERROR_INVALID, rule[j].setting,
                                    "'%s' cannot have %s too", at->profile->column[i].name,
                                    rule[j].other);
    }
    return true;
}

static bool take_the_rest(const struct resolving *at)
{
    int64_t n = at->profile->n_columns;

    at->roles->feature = calloc((size_t)n + 1, sizeof(*at->roles->feature));
    if (!at->roles->feature)
        return no_memory(at->error);
    for (int64_t i = 0; i < n; i++)
        if ((at->role[i] & ~ROLES_BESIDE) == 0 && !at->profile->column[i].aside) {
            at->role[i] |= ROLE_FEATURE;
            at->roles->feature[at->roles->n_features++] = i;
        }
    if (at->roles->n_features == 0)
        return error_set_at(at->error, ERROR_INVALID, "data.features",
                            "%s has no column left for a feature", at->path);
    return true;
}

static void decide_task(struct roles *roles, const struct data_config *config)
{
    const struct column_profile *target =
        roles->n_targets == 1 ? &roles->profile->column[roles->target[0]] : NULL;
    bool classes =
        target && (target->type == COLUMN_TEXT ||
                   (target->type == COLUMN_INTEGER && target->n_distinct <= COLUMN_DISTINCT_MAX));

    if (config->task == DATA_TASK_CLASSIFICATION)
        classes = true;
    if (config->task == DATA_TASK_REGRESSION)
        classes = false;
    roles->task = classes ? TASK_CLASSIFICATION : TASK_REGRESSION;
}

static bool is_named(const struct setting_texts *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->item[i], name) == 0)
            return true;
    return false;
}

/* Texts among these are errors, which whoever reads them tells by their place. */
static bool choose_numeric(const struct resolving *at)
{
    const struct setting_texts *named = &at->config->numeric;

    for (size_t i = 0; i < named->n; i++) {
        int64_t column = table_profile_find(at->profile, named->item[i]);

        if (column < 0)
            return no_column(at, "data.numeric", named->item[i]);
        if (!(at->role[column] & ROLE_FEATURE))
            return error_set_at(at->error, ERROR_INVALID, "data.numeric", "'%s' is not a feature",
                                named->item[i]);
        if (is_named(&at->config->categorical, named->item[i]))
            return error_set_at(at->error, ERROR_INVALID, "data.numeric",
                                "'%s' is in data.categorical too", named->item[i]);
        at->roles->categorical[column] = false;
    }
    return true;
}

static bool choose_categorical(const struct resolving *at)
{
    const struct setting_texts *named = &at->config->categorical;

    for (int64_t i = 0; i < at->roles->n_features; i++) {
        int64_t column = at->roles->feature[i];

        at->roles->categorical[column] = at->profile->column[column].type == COLUMN_TEXT;
    }
    for (size_t i = 0; i < named->n; i++) {
        int64_t column = table_profile_find(at->profile, named->item[i]);

        if (column < 0)
            return no_column(at, "data.categorical", named->item[i]);
        if (!(at->role[column] & ROLE_FEATURE))
            return error_set_at(at->error, ERROR_INVALID, "data.categorical",
                                "'%s' is not a feature", named->item[i]);
        at->roles->categorical[column] = true;
    }
    return choose_numeric(at);
}

/* Where integers are known to have no gaps: a row may lack a partner that is joined. */
static bool is_whole_integers(const struct column_profile *column)
{
    return column->type == COLUMN_INTEGER && column->n_missing == 0 && !column->missing_in_row;
}

/* What only data.where looks at. */
static enum column_form form_of_where(const struct column_profile *column)
{
    if (column->type == COLUMN_TEXT)
        return FORM_TEXT;
    return is_whole_integers(column) ? FORM_INTEGER : FORM_REAL;
}

/* The form in which each column is loaded; texts serve several roles at once. */
static void choose_forms(const struct resolving *at)
{
    const struct roles *roles = at->roles;

    for (int64_t i = 0; i < at->profile->n_columns; i++) {
        const struct column_profile *column = &at->profile->column[i];
        unsigned role = at->role[i];
        enum column_form form = role & ROLE_CONSTANT ? FORM_TEXT : FORM_SKIP;

        if (role & (ROLE_GROUP | ROLE_SPLIT | ROLE_SERIES))
            form = FORM_TEXT;
        else if (role & (ROLE_FEATURE | ROLE_TIME))
            form = role & ROLE_FEATURE && roles->categorical[i] ? FORM_TEXT : FORM_REAL;
        else if (role & ROLE_TARGET)
            form = roles->task == TASK_CLASSIFICATION ? FORM_TEXT : FORM_REAL;
        else if (role & ROLE_ID)
            form =
                column->type == COLUMN_INTEGER && column->n_missing == 0 ? FORM_INTEGER : FORM_TEXT;
        else if (role & ROLE_WHERE && form == FORM_SKIP) /* ignored, but for that */
            form = form_of_where(column);
        roles->form[i] = form;
    }
}

/* Texts among numbers are told by their line: a typing error must not make a column categorical
 * unnoticed where numbers are the rule. */
static bool check_mixed(const struct resolving *at)
{
    for (int64_t i = 0; i < at->roles->n_features; i++) {
        const struct column_profile *column = &at->profile->column[at->roles->feature[i]];
        bool named = is_named(&at->config->categorical, column->name) ||
                     is_named(&at->config->numeric, column->name);

        if (!named && column->n_text > 0 && column->n_plain > 9 * column->n_text)
            return error_set_at(at->error, ERROR_INVALID, "data.features",
                                "'%s' holds %lld numbers and %lld texts, the first in line %lld of "
                                "%s; name it in data.categorical or the text in data.missing",
                                column->name, (long long)column->n_plain, (long long)column->n_text,
                                (long long)column->text_line,
                                column->text_file ? column->text_file : at->path);
    }
    return true;
}

static bool start(struct resolving *at, unsigned **ret_role)
{
    size_t n = (size_t)at->profile->n_columns;

    *ret_role = calloc(n, sizeof(**ret_role));
    at->role = *ret_role;
    at->roles->profile = at->profile;
    at->roles->split_column = -1;
    at->roles->time = -1;
    at->roles->form = calloc(n, sizeof(*at->roles->form));
    at->roles->categorical = calloc(n, sizeof(*at->roles->categorical));
    return (at->role && at->roles->form && at->roles->categorical) || no_memory(at->error);
}

static int64_t file_column(const struct table_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++)
        if (profile->column[i].names_file)
            return i;
    return -1;
}

/* A recording never goes from one file into another where a split is by files, nor where nothing
 * else names recordings. */
static bool separate_files(const struct resolving *at)
{
    struct roles *roles = at->roles;
    int64_t file = file_column(at->profile);
    bool wanted = roles->n_series > 0 ? split_by_files(&at->config->split)
                                      : roles->by_time && at->profile->n_series == 0;
    int64_t *series;

    if (file < 0 || !wanted || at->role[file] & ROLE_SERIES)
        return true;
    series = reallocarray(roles->series, (size_t)roles->n_series + 1, sizeof(*series));
    if (!series)
        return no_memory(at->error);
    roles->series = series;
    series[roles->n_series++] = file;
    at->role[file] |= ROLE_SERIES;
    return true;
}

/* A split by files is one by the column that names them. */
static bool assign_split_column(const struct resolving *at)
{
    const struct split_config *split = &at->config->split;
    struct roles *roles = at->roles;

    if (!split_by_files(split))
        return assign_one(at, split_by_column(split) ? split->column : NULL, "data.split.column",
                          ROLE_SPLIT, &roles->split_column);
    roles->split_column = file_column(at->profile);
    if (roles->split_column < 0)
        return error_set_at(at->error, ERROR_INVALID, "data.split",
                            "is by files, and there is only %s", at->path);
    at->role[roles->split_column] |= ROLE_SPLIT;
    return true;
}

/* What orders rows into recordings. */
static bool assign_series(const struct resolving *at)
{
    const struct data_config *config = at->config;
    struct roles *roles = at->roles;
    bool by_row = config->time && strcmp(config->time, DATA_TIME_ROW) == 0 &&
                  table_profile_find(at->profile, config->time) < 0;

    roles->by_time = config->time != NULL;
    return assign(at, &config->series, "data.series", ROLE_SERIES, &roles->series,
                  &roles->n_series) &&
           separate_files(at) &&
           assign_one(at, by_row ? NULL : config->time, "data.time", ROLE_TIME, &roles->time);
}

static bool assign_where(const struct resolving *at)
{
    scoped(where_columns_release) struct setting_texts columns = {0};

    return where_columns(&at->config->where, &columns, at->error) &&
           assign(at, &columns, "data.where", ROLE_WHERE, &at->roles->where, &at->roles->n_where);
}

static bool resolve(struct resolving *at)
{
    const struct data_config *config = at->config;
    struct roles *roles = at->roles;
    bool by_group = split_by_groups(&config->split);

    if (!assign(at, &config->target, "data.target", ROLE_TARGET, &roles->target,
                &roles->n_targets) ||
        !assign(at, &config->id, "data.id", ROLE_ID, &roles->id, &roles->n_ids) ||
        !assign(at, &config->group, "data.group", ROLE_GROUP, &roles->group, &roles->n_groups) ||
        !assign_series(at) ||
        !assign(at, &config->constant, "data.constant", ROLE_CONSTANT, &roles->constant,
                &roles->n_constant) ||
        !assign_where(at) || !assign(at, &config->ignore, "data.ignore", ROLE_IGNORE, NULL, NULL) ||
        !assign_split_column(at) ||
        (by_group && !assign(at, &config->split.group, "data.split.group", ROLE_GROUP,
                             &roles->split_group, &roles->n_split_groups)))
        return false;
    if (roles->by_time && roles->n_series == 0 && at->profile->n_series > 0)
        return error_set_at(at->error, ERROR_INVALID, "data.series",
                            "is needed: %s holds %lld recordings", at->path,
                            (long long)at->profile->n_series);
    if (config->features.n > 0 ? !assign(at, &config->features, "data.features", ROLE_FEATURE,
                                         &roles->feature, &roles->n_features)
                               : !take_the_rest(at))
        return false;
    decide_task(roles, config);
    if (!check_conflicts(at) || !choose_categorical(at) || !check_mixed(at))
        return false;
    choose_forms(at);
    return true;
}

bool roles_resolve(const struct data_config *config, const struct table_profile *profile,
                   const char *path, struct roles *ret_roles, struct error *error)
{
    scoped(memory_free) unsigned *role = NULL;
    struct roles roles = {0};
    struct resolving at = {
        .config = config, .profile = profile, .path = path, .roles = &roles, .error = error};

    if (!start(&at, &role) || !resolve(&at)) {
        roles_release(&roles);
        return false;
    }
    *ret_roles = roles;
    return true;
}

/* Only a model of windows needs to know which rows follow one another, and says so itself. */
static bool has_series(const struct resolving *at)
{
    const struct data_config *config = at->config;

    for (size_t i = 0; i < config->series.n; i++)
        if (table_profile_find(at->profile, config->series.item[i]) < 0)
            return false;
    return !config->time || strcmp(config->time, DATA_TIME_ROW) == 0 ||
           table_profile_find(at->profile, config->time) >= 0;
}

static bool resolve_new(struct resolving *at, const struct feature_wish *wish, int64_t n_wishes)
{
    struct roles *roles = at->roles;
    bool has_ids = at->config->id.n > 0;

    roles->feature = calloc((size_t)n_wishes + 1, sizeof(*roles->feature));
    if (!roles->feature)
        return no_memory(at->error);
    for (; roles->n_features < n_wishes; roles->n_features++) {
        const struct feature_wish *wanted = &wish[roles->n_features];
        int64_t column = table_profile_find(at->profile, wanted->name);

        if (column < 0)
            return no_column(at, "data", wanted->name);
        at->role[column] |= ROLE_FEATURE;
        roles->categorical[column] = wanted->categorical;
        roles->feature[roles->n_features] = column;
    }
    for (size_t i = 0; i < at->config->id.n; i++)
        has_ids = has_ids && table_profile_find(at->profile, at->config->id.item[i]) >= 0;
    if (has_ids && !assign(at, &at->config->id, "data.id", ROLE_ID, &roles->id, &roles->n_ids))
        return false;
    if (has_series(at) && !assign_series(at))
        return false;
    choose_forms(at);
    return true;
}

bool roles_resolve_new(const struct data_config *config, const struct table_profile *profile,
                       const char *path, const struct feature_wish *wish, int64_t n_wishes,
                       struct roles *ret_roles, struct error *error)
{
    scoped(memory_free) unsigned *role = NULL;
    struct roles roles = {0};
    struct resolving at = {
        .config = config, .profile = profile, .path = path, .roles = &roles, .error = error};

    if (!start(&at, &role) || !resolve_new(&at, wish, n_wishes)) {
        roles_release(&roles);
        return false;
    }
    *ret_roles = roles;
    return true;
}
