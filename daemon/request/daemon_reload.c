/* daemon.reload: changes the number of slots, for this daemon and the next. */
#include "daemon/request/request.h"

#include <inttypes.h>

#define SLOTS_LIMIT 1000

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;
    int64_t slots;

    (void)ret_result;
    if (!json_member(request->params, "slots"))
        return true;
    if (!request_integer(request, "slots", &slots, error))
        return false;
    if (slots < 1 || slots > SLOTS_LIMIT)
        return error_set_at(error, ERROR_INVALID, "slots", "%" PRId64 " is outside [1, %d]", slots,
                            SLOTS_LIMIT);
    if (!store_set_setting(daemon->store, "slots", slots, error))
        return false;
    daemon->options.slots = 0; /* what the command line said no longer holds */
    daemon_set_slots(daemon, slots);
    return true;
}

const struct request_kind request_daemon_reload = {
    .name = "daemon.reload",
    .writes = true,
    .handle = handle,
};
