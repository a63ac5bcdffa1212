/* why: the reasons for an experiment's state, as sentences with numbers. */
#include "daemon/request.h"

#include <string.h>

#include "common/owner.h"

/* What the scheduler cannot know: a full disk, a start that failed. */
static bool add_obstacle(const struct daemon *daemon, int64_t id, cJSON *result,
                         struct error *error)
{
    const char *obstacle = starter_obstacle(&daemon->starter, id);
    cJSON *reasons = cJSON_GetObjectItemCaseSensitive(result, "reasons");

    if (!obstacle || strcmp(json_text(result, "state", ""), "queued") != 0)
        return true;
    cJSON *text = cJSON_CreateString(obstacle);
    if (text && cJSON_InsertItemInArray(reasons, 0, text))
        return true;
    cJSON_Delete(text);
    return error_set(error, ERROR_NO_MEMORY, "explaining");
}

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(memory_free) struct scheduler_run *run = NULL;
    scoped(json_free) cJSON *result = NULL;
    struct daemon *daemon = request->daemon;
    struct report_view view;
    int64_t id;

    if (!request_integer(request, "id", &id, error) || !daemon_view(daemon, &view, &run, error) ||
        !report_why(daemon->store, id, &view, &result, error) ||
        !add_obstacle(daemon, id, result, error))
        return false;
    *ret_result = take(&result);
    return true;
}

const struct request_kind request_why = {
    .name = "why",
    .writes = false,
    .handle = handle,
};
