#include "worker/run_group.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/process.h"

/* The processes that a run of the same name left behind, when its worker was killed, are not this
 * run's. */
static bool take_empty(const char *path, struct error *error)
{
    if (cgroup_kill(path) > 0)
        return error_set(error, ERROR_BUSY, "%s: somebody is still in it", path);
    return cgroup_make(path, error);
}

static bool start(struct run_group *group, const char *folder, pid_t pid, int64_t limit_bytes,
                  struct error *error)
{
    char marker[PROCESS_MARKER_SIZE];
    char place[CGROUP_PATH_SIZE];
    struct error cause;

    cgroup_find_place(getenv("NIGHTJAR_CGROUP"), place);
    if (!place[0])
        return true;
    if (!process_marker(folder, marker, error))
        return false;
    if (!cgroup_path(place, marker, group->path))
        return error_set(error, ERROR_INVALID, "%s: the path is too long", place);
    if (!take_empty(group->path, error))
        return false;
    if (limit_bytes > 0 && cgroup_limit_memory(group->path, limit_bytes, &cause))
        group->limit_bytes = limit_bytes;
    else if (limit_bytes > 0)
        log_debug("%s", cause.message); /* its memory is watched instead */
    return cgroup_enter(group->path, pid, error);
}

void run_group_start(struct run_group *group, const char *folder, pid_t pid, int64_t limit_bytes)
{
    struct error error;

    *group = (struct run_group){0};
    if (start(group, folder, pid, limit_bytes, &error))
        return;
    log_warning("no control group: %s", error.message);
    if (group->path[0])
        (void)cgroup_remove(group->path);
    *group = (struct run_group){0};
}

void run_group_kill(const struct run_group *group)
{
    if (group->path[0])
        (void)cgroup_kill(group->path);
}

void run_group_close(struct run_group *group)
{
    if (!group->path[0])
        return;
    group->kills = cgroup_memory_kills(group->path);
    group->peak_bytes = cgroup_memory_peak(group->path);
    if (!cgroup_remove(group->path))
        log_debug("%s: not empty yet", group->path); /* who decides about the next run sees to it */
}
