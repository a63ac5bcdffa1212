/* why: the reasons for an experiment's state, as sentences with numbers. */
#include "daemon/request/request.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/owner.h"

/* What the scheduler cannot know: a full disk, a start that failed. */
static bool add_obstacle(const struct daemon *daemon, int64_t id, cJSON *result,
                         struct error *error)
{
    const char *obstacle = starter_obstacle(&daemon->starter, id);
    int64_t own_ms = starter_own_delay_ms(&daemon->starter, id);
    cJSON *reasons = cJSON_GetObjectItemCaseSensitive(result, "reasons");
    char sentence[512], left[24];

    if (!obstacle || strcmp(json_text(result, "state", ""), "queued") != 0)
        return true;
    (void)snprintf(sentence, sizeof(sentence), "%s%s%s", obstacle,
                   own_ms > 0 ? "; the next is in " : "",
                   own_ms > 0 ? clock_format_duration(own_ms + 999, left) : "");
    cJSON *text = cJSON_CreateString(sentence);
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

    if (!request_integer(request, "id", &id, error) || !daemon_view(daemon, &view, &run, error))
        return false;
    view.obstacle = starter_obstacle(&daemon->starter, id);
    if (!report_why(daemon->store, id, &view, &result, error) ||
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
