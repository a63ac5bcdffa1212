/* watch: rows now, and `changed` for each change until the client leaves. */
#include "daemon/request/request.h"

#include "common/owner.h"
#include "daemon/watch.h"

#define ROWS_LIMIT 1000 /* one message holds the answer */

static bool find_last(struct daemon *daemon, int64_t *ret_last, struct error *error)
{
    scoped(store_ids_release) struct store_ids ids = {0};
    scoped(json_free) cJSON *select = cJSON_CreateObject();

    if (!json_add_boolean(select, "last", true))
        return error_set(error, ERROR_NO_MEMORY, "watching");
    if (!store_select(daemon->store, select, &ids, error))
        return false;
    *ret_last = ids.n > 0 ? ids.item[0] : 0;
    return true;
}

static bool list_selected(const struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(json_free) cJSON *params = cJSON_CreateObject();
    cJSON *select = cJSON_Duplicate(json_member(request->params, "select"), true);

    if ((select && !json_add_item(params, "select", &select)) ||
        !json_add_integer(params, "limit", ROWS_LIMIT))
        return error_set(error, ERROR_NO_MEMORY, "watching");
    return store_list(request->daemon->store, params, daemon_wall_ms(request->daemon), ret_result,
                      error);
}

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(watch_free) struct watch *watch = NULL;
    struct client_session_public *session = client_session_public(request->session);
    const cJSON *select = json_member(request->params, "select");
    int64_t last = 0;

    if ((json_boolean(select, "last", false) && !find_last(request->daemon, &last, error)) ||
        !watch_read(select, last, &watch, error) || !list_selected(request, ret_result, error))
        return false;
    watch_free((struct watch **)&session->watch);
    session->watch = take(&watch);
    daemon_count_watchers(request->daemon);
    return true;
}

const struct request_kind request_watch = {
    .name = "watch",
    .writes = false,
    .handle = handle,
};
