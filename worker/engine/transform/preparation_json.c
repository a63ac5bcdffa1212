/*
 * {"task":"classification", "classes":["a","b"], "targets":["Class"],
 *  "target_offset":[], "target_scale":[],
 *  "features":[{"name":"x","scale":0.5,"offset":-1,"fill":0},
 * {"name":"color","categories":["red"]}]}
 */
#include "worker/engine/transform/preparation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

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
    if (feature->categorical)
        return add_texts(item, "categories", feature->category, feature->n_categories);
    return json_add_number(item, "scale", feature->scale) &&
           json_add_number(item, "offset", feature->offset) &&
           (isnan(feature->fill) || json_add_number(item, "fill", feature->fill));
}

cJSON *preparation_json(const struct preparation *preparation)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *features;

    if (!json_add_text(object, "task",
                       preparation->task == TASK_REGRESSION ? "regression" : "classification") ||
        !add_texts(object, "classes", preparation->class_name, preparation->n_classes) ||
        !add_texts(object, "targets", preparation->target_name, preparation->n_target_names) ||
        !add_numbers(object, "target_offset", preparation->target_offset, preparation->n_targets) ||
        !add_numbers(object, "target_scale", preparation->target_scale, preparation->n_targets))
        return NULL;
    features = json_add_array(object, "features");
    for (int64_t i = 0; i < preparation->n_features; i++)
        if (!features || !add_feature(features, &preparation->feature[i]))
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
    if (feature->categorical) {
        bool read = read_texts(categories, &feature->category, &n, error);

        feature->n_categories = (int32_t)n;
        return read;
    }
    feature->scale = json_number(json, "scale", 0);
    feature->offset = json_number(json, "offset", 0);
    feature->fill = json_number(json, "fill", (double)NAN);
    return feature->scale != 0 || corrupt("a feature has no scale", error);
}

static bool read_features(const cJSON *list, struct preparation *preparation, struct error *error)
{
    const cJSON *item;

    preparation->feature =
        calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*preparation->feature));
    if (!preparation->feature)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        struct prepared_feature *feature = &preparation->feature[preparation->n_features++];

        feature->first = preparation->width;
        if (!read_feature(item, feature, error))
            return false;
        preparation->width += feature->categorical ? feature->n_categories : 1;
    }
    return true;
}

bool preparation_parse(const cJSON *json, struct preparation **ret_preparation, struct error *error)
{
    scoped(preparation_free) struct preparation *preparation = calloc(1, sizeof(*preparation));
    bool regression = strcmp(json_text(json, "task", ""), "regression") == 0;

    if (!preparation)
        return no_memory(error);
    preparation->task = regression ? TASK_REGRESSION : TASK_CLASSIFICATION;
    if (!read_texts(json_member(json, "classes"), &preparation->class_name, &preparation->n_classes,
                    error) ||
        !read_texts(json_member(json, "targets"), &preparation->target_name,
                    &preparation->n_target_names, error))
        return false;
    preparation->n_targets = regression ? preparation->n_target_names : 0;
    if (!read_numbers(json_member(json, "target_offset"), preparation->n_targets,
                      &preparation->target_offset, error) ||
        !read_numbers(json_member(json, "target_scale"), preparation->n_targets,
                      &preparation->target_scale, error) ||
        !read_features(json_member(json, "features"), preparation, error))
        return false;
    preparation_set_inputs(preparation);
    *ret_preparation = take(&preparation);
    return true;
}
