/* edit: other queue and resources settings for experiments that wait. */
#include "daemon/request/answer.h"
#include "daemon/request/request.h"

#include "common/owner.h"
#include "common/spec/spec.h"

#include <stdio.h>
#include <string.h>

/* What may change after the submission; all other settings are what the experiment is. */
static bool may_change(const char *group, const char *name)
{
    if (strcmp(group, "queue") == 0)
        return strcmp(name, "priority") == 0 || strcmp(name, "retries") == 0;
    return strcmp(group, "resources") == 0;
}

static bool check_names(const cJSON *set, struct error *error)
{
    const cJSON *group, *item;
    char path[128];
    bool any = false;

    cJSON_ArrayForEach(group, set)
    {
        if (!cJSON_IsObject(group))
            return error_set_at(error, ERROR_INVALID, group->string, "cannot be edited");
        cJSON_ArrayForEach(item, group)
        {
            any = true;
            (void)snprintf(path, sizeof(path), "%s.%s", group->string, item->string);
            if (!may_change(group->string, item->string))
                return error_set_at(error, ERROR_INVALID, path, "cannot be edited");
        }
    }
    return any || error_set_at(error, ERROR_INVALID, "set", "says nothing to change");
}

static void config_release(struct common_config *config)
{
    settings_release(common_settings, config);
}

/* Names and values alone, whatever they are to be merged into. */
static bool check_change(struct request *request, const cJSON *set, struct error *error)
{
    scoped(config_release) struct common_config config = {0};
    struct diagnostics *diagnostics = &request->diagnostics;

    if (!check_names(set, error))
        return false;
    if (spec_parse_common(set, &config, diagnostics))
        return true;
    if (diagnostics->n == 0)
        return error_set(error, ERROR_NO_MEMORY, "editing");
    return error_set_at(error, ERROR_INVALID, diagnostics->item[0].path, "%s",
                        diagnostics->item[0].message);
}

static bool edit_one(struct request *request, int64_t id, const cJSON *set,
                     struct request_answer *answer, struct error *error)
{
    char reason[256];

    if (!store_edit(request->daemon->store, id, set, reason, sizeof(reason), error))
        return error->kind == ERROR_INVALID ? error_wrap(error, "experiment %lld", (long long)id)
                                            : false;
    return reason[0] ? request_answer_unchanged(answer, id, reason, error)
                     : request_answer_changed(answer, id, error);
}

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    const cJSON *set = json_member(request->params, "set");
    scoped(store_ids_release) struct store_ids ids = {0};
    scoped(request_answer_release) struct request_answer answer = {0};

    if (!check_change(request, set, error) ||
        !store_select(request->daemon->store, json_member(request->params, "select"), &ids,
                      error) ||
        !request_answer_start(&answer, error))
        return false;
    for (size_t i = 0; i < ids.n; i++)
        if (!edit_one(request, ids.item[i], set, &answer, error))
            return false;
    return request_answer_end(&answer, ret_result, error);
}

const struct request_kind request_edit = {
    .name = "edit",
    .writes = true,
    .handle = handle,
};
