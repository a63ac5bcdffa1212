/* daemon.status: what the daemon is and what it has to give. */
#include "daemon/request/request.h"

#include <unistd.h>

#include "common/owner.h"
#include "common/wire.h"

struct usage {
    double cpus;
    int64_t memory, gpus;
};

static struct usage add_up(const struct report_view *view)
{
    struct usage used = {0};

    for (size_t i = 0; i < view->n_runs; i++) {
        used.cpus += view->run[i].need.cpus;
        used.memory += view->run[i].need.memory;
        used.gpus += view->run[i].need.gpus;
    }
    return used;
}

static bool add_share(cJSON *result, const char *name, double total, double used)
{
    cJSON *share = json_add_object(result, name);

    return json_add_number(share, "total", total) && json_add_number(share, "used", used);
}

static bool add_machine(cJSON *result, const struct report_view *view, bool draining)
{
    struct usage used = add_up(view);

    return json_add_integer(result, "slots", view->limits.slots) &&
           json_add_boolean(result, "draining", draining) &&
           json_add_integer(result, "running", (int64_t)view->n_runs) &&
           add_share(result, "cpus", view->limits.cpus, used.cpus) &&
           add_share(result, "memory", (double)view->limits.memory, (double)used.memory) &&
           add_share(result, "gpus", (double)view->limits.gpus, (double)used.gpus);
}

static bool add_daemon(cJSON *result, const struct daemon *daemon, int64_t monotonic_ms)
{
    return json_add_integer(result, "pid", getpid()) &&
           json_add_text(result, "version", NIGHTJAR_VERSION) &&
           json_add_text(result, "home", daemon->options.home) &&
           json_add_integer(result, "protocol", WIRE_PROTOCOL) &&
           json_add_number(result, "uptime_s",
                           (double)(monotonic_ms - daemon->started_ms) / 1000) &&
           json_add_integer(result, "clients", (int64_t)daemon->n_sessions) &&
           json_add_integer(result, "watching", (int64_t)daemon->n_watching) &&
           json_add_integer(result, "database_bytes", store_size_bytes(daemon->store)) &&
           json_add_integer(result, "disk_free_bytes", machine_disk_free(daemon->options.home)) &&
           json_add_boolean(result, "disk_full", daemon->reserve.spent);
}

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(memory_free) struct scheduler_run *run = NULL;
    scoped(json_free) cJSON *result = cJSON_CreateObject();
    scoped(json_free) cJSON *counts = NULL;
    struct daemon *daemon = request->daemon;
    struct report_view view;

    if (!daemon_view(daemon, &view, &run, error) || !store_counts(daemon->store, &counts, error))
        return false;
    if (!add_daemon(result, daemon, view.monotonic_ms) ||
        !add_machine(result, &view, daemon->starter.draining) ||
        !json_add_item(result, "counts", &counts))
        return error_set(error, ERROR_NO_MEMORY, "answering");
    *ret_result = take(&result);
    return true;
}

const struct request_kind request_daemon_status = {
    .name = "daemon.status",
    .writes = false,
    .handle = handle,
};
