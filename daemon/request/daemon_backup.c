/* daemon.backup: a copy of the queue now; answered when it is whole and on disk. */
#include "daemon/request/request.h"

#include "common/owner.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;

    (void)ret_result;
    if (!backup_begin(&daemon->backup, error))
        return false;
    daemon->backup_asker = client_session_public(request->session)->serial;
    request->later = true;
    return true;
}

const struct request_kind request_daemon_backup = {
    .name = "daemon.backup",
    .writes = false,
    .handle = handle,
};
