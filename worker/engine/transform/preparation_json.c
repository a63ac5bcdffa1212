/*
 * {"task":"classification", "classes":["a","b"], "targets":["Class"],
 *  "target_log":true, "target_offset":[], "target_scale":[],
 *  "features":[{"name":"x","needed":true}, {"name":"color","needed":false,"categories":["red"]},
 *              {"name":"note","needed":false,"categories":["the","of"],"words":12}],
 *  "transforms":[{"type":"standard","columns":[0],"state":[[0.5,-1,null]],"steps":0,"width":2},
 *                {"type":"onehot","columns":[1],"state":[[1]],"steps":0,"width":2}],
 *  "steps":1, "columns":["x","color=red"], "of":[0,1], "tokens":[0,0]}
 *
 * In a state null stands for NAN. `of`: the feature that a column is made of.
 */
#include "worker/engine/transform/preparation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/transform/words.h"

/* ---- out --------------------------------------------------------------------------------------*/

static bool add_texts(cJSON *object, const char *name, char *const *text, int64_t n)
{
    cJSON *list = json_add_array(object, name);

    for (int64_t i = 0; list && i < n; i++) {
        cJSON *item = cJSON_CreateString(text[i]);

        if (!item || !cJSON_AddItemToArray(list, item))
            return false;
    }
    return list != NULL;
}

static bool add_numbers(cJSON *object, const char *name, const double *number, int64_t n)
{
    cJSON *list = json_add_array(object, name);

    for (int64_t i = 0; list && i < n; i++) {
        cJSON *item = cJSON_CreateNumber(number[i]);

        if (!item || !cJSON_AddItemToArray(list, item))
            return false;
    }
    return list != NULL;
}

static bool add_feature(cJSON *list, const struct prepared_feature *feature)
{
    cJSON *item = cJSON_CreateObject();

    if (!item || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    if (!json_add_text(item, "name", feature->name))
        return false;
    return json_add_boolean(item, "needed", feature->needed) &&
           (feature->words == 0 || json_add_integer(item, "words", feature->words)) &&
           (!feature->categorical ||
            add_texts(item, "categories", feature->category, feature->n_categories));
}

static bool add_state(cJSON *list, const struct transform *transform, int64_t i)
{
    cJSON *item = cJSON_CreateDoubleArray(transform_state(transform, i),
                                          (int)transform_state_size(transform, i));

    return item && cJSON_AddItemToArray(list, item);
}

static bool add_transform(cJSON *list, const struct transform *transform)
{
    cJSON *item = cJSON_CreateObject(), *columns, *state;

    if (!item || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    columns = json_add_array(item, "columns");
    state = json_add_array(item, "state");
    for (int64_t i = 0; i < transform->n_columns; i++) {
        cJSON *column = cJSON_CreateNumber((double)transform->column[i]);

        if (!columns || !column || !cJSON_AddItemToArray(columns, column) || !state ||
            !add_state(state, transform, i))
            return false;
    }
    return json_add_text(item, "type", transform->kind->kind.name) &&
           json_add_integer(item, "steps", transform->steps) &&
           json_add_integer(item, "width", transform->width) &&
           json_add_boolean(item, "stored", transform->stored);
}

static bool add_columns(cJSON *object, const struct preparation *preparation)
{
    cJSON *names = json_add_array(object, "columns"), *features = json_add_array(object, "of");
    cJSON *tokens = json_add_array(object, "tokens");

    for (int64_t i = 0; i < preparation->width; i++) {
        const struct prepared_column *column = &preparation->column[i];

        if (!names || !features || !tokens ||
            !cJSON_AddItemToArray(names, cJSON_CreateString(column->name)) ||
            !cJSON_AddItemToArray(features, cJSON_CreateNumber((double)column->feature)) ||
            !cJSON_AddItemToArray(tokens, cJSON_CreateNumber((double)column->n_tokens)))
            return false;
    }
    return names && features && tokens;
}

static bool add_transforms(cJSON *object, const struct preparation *preparation)
{
    cJSON *list = json_add_array(object, "transforms");

    for (int64_t i = 0; i < preparation->n_transforms; i++)
        if (!list || !add_transform(list, &preparation->transform[i]))
            return false;
    return list && json_add_integer(object, "steps", preparation->steps) &&
           add_columns(object, preparation);
}

cJSON *preparation_json(const struct preparation *preparation)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *features;

    if (!json_add_text(object, "task",
                       preparation->task == TASK_REGRESSION ? "regression" : "classification") ||
        !add_texts(object, "classes", preparation->class_name, preparation->n_classes) ||
        !add_texts(object, "targets", preparation->target_name, preparation->n_target_names) ||
        (preparation->target_log && !json_add_boolean(object, "target_log", true)) ||
        !add_numbers(object, "target_offset", preparation->target_offset, preparation->n_targets) ||
        !add_numbers(object, "target_scale", preparation->target_scale, preparation->n_targets))
        return NULL;
    features = json_add_array(object, "features");
    for (int64_t i = 0; i < preparation->n_features; i++)
        if (!features || !add_feature(features, &preparation->feature[i]))
            return NULL;
    if (!add_transforms(object, preparation) || !json_add_text(object, "leak", preparation->leak))
        return NULL;
    return take(&object);
}

/* ---- in ---------------------------------------------------------------------------------------*/

static bool corrupt(const char *what, struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "the model's preparation: %s", what);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading a model's preparation");
}

static bool read_texts(const cJSON *list, char ***ret, int64_t *ret_n, struct error *error)
{
    const cJSON *item;

    if (!cJSON_IsArray(list))
        return corrupt("a list is missing", error);
    *ret = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(**ret));
    if (!*ret)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return corrupt("expected a text", error);
        (*ret)[*ret_n] = strdup(item->valuestring);
        if (!(*ret)[(*ret_n)++])
            return no_memory(error);
    }
    return true;
}

static bool read_numbers(const cJSON *list, int64_t n, double **ret, struct error *error)
{
    const cJSON *item;
    int64_t i = 0;

    *ret = calloc((size_t)n + 1, sizeof(**ret));
    if (!*ret)
        return no_memory(error);
    if (cJSON_GetArraySize(list) != n)
        return corrupt("a list has the wrong length", error);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item))
            return corrupt("expected a number", error);
        (*ret)[i++] = item->valuedouble;
    }
    return true;
}

static bool read_feature(const cJSON *json, struct prepared_feature *feature, struct error *error)
{
    const cJSON *categories = json_member(json, "categories");
    const char *name = json_text(json, "name", NULL);
    int64_t n = 0;

    if (!name)
        return corrupt("a feature has no name", error);
    feature->name = strdup(name);
    if (!feature->name)
        return no_memory(error);
    feature->categorical = categories != NULL;
    feature->needed = json_boolean(json, "needed", true);
    feature->words = json_integer(json, "words", 0);
    if (feature->words < 0 || feature->words > WORDS_LENGTH_MAX ||
        (feature->words > 0 && !feature->categorical))
        return corrupt("a feature has a wrong number of words", error);
    if (feature->categorical) {
        bool read = read_texts(categories, &feature->category, &n, error);

        feature->n_categories = (int32_t)n;
        return read;
    }
    return true;
}

static bool read_features(const cJSON *list, struct preparation *preparation, struct error *error)
{
    const cJSON *item;

    if (!cJSON_IsArray(list))
        return corrupt("a list is missing", error);
    preparation->feature =
        calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*preparation->feature));
    if (!preparation->feature)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        if (!read_feature(item, &preparation->feature[preparation->n_features++], error))
            return false;
    }
    return true;
}

static bool read_columns(const cJSON *list, int64_t width, struct transform *transform,
                         struct error *error)
{
    const cJSON *item;

    transform->column = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*transform->column));
    if (!transform->column)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        int64_t last = transform->n_columns ? transform->column[transform->n_columns - 1] : -1;

        if (!cJSON_IsNumber(item) || item->valuedouble <= (double)last ||
            item->valuedouble >= (double)width)
            return corrupt("a transform's columns are out of order", error);
        transform->column[transform->n_columns++] = (int64_t)item->valuedouble;
    }
    return true;
}

static bool read_state(const cJSON *list, struct transform *transform, struct error *error)
{
    const cJSON *column, *item;
    int64_t n = 0, at = 0;

    if (cJSON_GetArraySize(list) != transform->n_columns)
        return corrupt("a transform's state has the wrong length", error);
    cJSON_ArrayForEach(column, list)
    {
        int size = cJSON_GetArraySize(column);

        if (transform->kind->n_state != TRANSFORM_STATE_VARIES && size != transform->kind->n_state)
            return corrupt("a transform's state has the wrong length", error);
        n += size;
    }
    transform->first = calloc((size_t)transform->n_columns + 1, sizeof(*transform->first));
    transform->state = calloc((size_t)n + 1, sizeof(*transform->state));
    if (!transform->first || !transform->state)
        return no_memory(error);
    n = 0;
    cJSON_ArrayForEach(column, list)
    {
        cJSON_ArrayForEach(item, column)
        {
            if (!cJSON_IsNumber(item) && !cJSON_IsNull(item))
                return corrupt("a transform's state is no number", error);
            transform->state[n++] = cJSON_IsNull(item) ? (double)NAN : item->valuedouble;
        }
        transform->first[++at] = n;
    }
    return true;
}

static bool read_transform(const cJSON *json, int64_t width, struct transform *transform,
                           struct error *error)
{
    transform->kind =
        (const struct transform_kind *)kind_find(&transform_registry, json_text(json, "type", ""));
    if (!transform->kind)
        return corrupt("a transform is not known", error);
    transform->steps = json_integer(json, "steps", 0);
    transform->width = json_integer(json, "width", 0);
    transform->stored = json_boolean(json, "stored", false) && transform->kind->along;
    if (transform->steps < 0 || transform->width < 1)
        return corrupt("a transform has no shape", error);
    return read_columns(json_member(json, "columns"), width, transform, error) &&
           read_state(json_member(json, "state"), transform, error);
}

/* A list of whole numbers from 0 to `most`; all 0 where there is none, as in older files. */
static bool read_counts(const cJSON *list, int64_t n, double most, double **ret,
                        struct error *error)
{
    if (!list)
        *ret = calloc((size_t)n + 1, sizeof(**ret));
    if (list ? !read_numbers(list, n, ret, error) : !*ret && !no_memory(error))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!((*ret)[i] >= 0 && (*ret)[i] <= most))
            return corrupt("a column is of no feature", error);
    return true;
}

static bool read_result(const cJSON *json, struct preparation *preparation, struct error *error)
{
    const cJSON *names = json_member(json, "columns"), *name;
    int64_t width = cJSON_GetArraySize(names);
    scoped(memory_free) double *feature = NULL, *tokens = NULL;

    if (!read_counts(json_member(json, "of"), width, (double)preparation->n_features - 1, &feature,
                     error) ||
        !read_counts(json_member(json, "tokens"), width, 1 << 24, &tokens, error))
        return false;
    preparation->column = calloc((size_t)width + 1, sizeof(*preparation->column));
    if (!preparation->column)
        return no_memory(error);
    cJSON_ArrayForEach(name, names)
    {
        int64_t i = preparation->width;

        if (!cJSON_IsString(name))
            return corrupt("expected a text", error);
        preparation->column[i] = (struct prepared_column){.name = strdup(name->valuestring),
                                                          .feature = (int64_t)feature[i],
                                                          .n_tokens = (int64_t)tokens[i]};
        preparation->width++;
        if (!preparation->column[i].name)
            return no_memory(error);
    }
    return true;
}

static bool read_transforms(const cJSON *json, struct preparation *preparation, struct error *error)
{
    const cJSON *list = json_member(json, "transforms"), *item;
    int64_t width = preparation_loaded_width(preparation);

    preparation->transform =
        calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*preparation->transform));
    if (!preparation->transform)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        struct transform *transform = &preparation->transform[preparation->n_transforms++];

        if (!read_transform(item, width, transform, error))
            return false;
        width = transform->width;
    }
    preparation->steps = json_integer(json, "steps", 0);
    if (!read_result(json, preparation, error))
        return false;
    return (preparation->steps > 0 && preparation->width == width) ||
           corrupt("its transforms end with other columns", error);
}

bool preparation_parse(const cJSON *json, struct preparation **ret_preparation, struct error *error)
{
    scoped(preparation_free) struct preparation *preparation = calloc(1, sizeof(*preparation));
    bool regression = strcmp(json_text(json, "task", ""), "regression") == 0;

    if (!preparation)
        return no_memory(error);
    preparation->task = regression ? TASK_REGRESSION : TASK_CLASSIFICATION;
    (void)snprintf(preparation->leak, sizeof(preparation->leak), "%s", json_text(json, "leak", ""));
    if (!read_texts(json_member(json, "classes"), &preparation->class_name, &preparation->n_classes,
                    error) ||
        !read_texts(json_member(json, "targets"), &preparation->target_name,
                    &preparation->n_target_names, error))
        return false;
    preparation->target_log = regression && json_boolean(json, "target_log", false);
    preparation->n_targets = regression ? preparation->n_target_names : 0;
    if (!read_numbers(json_member(json, "target_offset"), preparation->n_targets,
                      &preparation->target_offset, error) ||
        !read_numbers(json_member(json, "target_scale"), preparation->n_targets,
                      &preparation->target_scale, error) ||
        !read_features(json_member(json, "features"), preparation, error) ||
        !read_transforms(json, preparation, error))
        return false;
    if (!preparation_set_inputs(preparation, NULL, error))
        return corrupt("its inputs are too many", error);
    *ret_preparation = take(&preparation);
    return true;
}
