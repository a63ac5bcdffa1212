/*
 * The lock is taken before anything of the experiment is touched, and given to the worker: from
 * then on it is held without a gap until the worker has ended.
 */
#include "daemon/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/owner.h"
#include "common/process.h"
#include "daemon/environment.h"

#define PATH_SIZE 4096

bool launch_folder(const char *home, int64_t experiment, int64_t run, char *ret_path, size_t size,
                   struct error *error)
{
    int length = snprintf(ret_path, size, "%s/runs/%" PRId64 "/%" PRId64, home, experiment, run);

    if (length < 0 || (size_t)length >= size)
        return error_set_at(error, ERROR_INVALID, home, "the path is too long");
    return true;
}

bool launch_lock(const char *home, int64_t experiment, int *ret_fd, struct error *error)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/lock", home, experiment);
    return file_lock(AT_FDCWD, path, ret_fd, error);
}

/* ---- the folder ---- */

/* What lies in it is made by the worker: workers start side by side, the daemon is one. */
static bool make_folders(const char *home, const struct store_launch *launch, const char *folder,
                         int *ret_lock, struct error *error)
{
    char path[PATH_SIZE + 16];

    snprintf(path, sizeof(path), "%s/runs/%" PRId64, home, launch->experiment);
    if (!file_make_folders(path, error))
        return false;
    scoped(descriptor_close) int lock = -1;
    if (!launch_lock(home, launch->experiment, &lock, error))
        return false;
    snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/checkpoint", home, launch->experiment);
    if (launch->fresh && !file_remove_tree(AT_FDCWD, path, error))
        return false;
    if (!file_make_folders(folder, error))
        return false;
    *ret_lock = lock;
    lock = -1;
    return true;
}

static bool write_spec(const struct store_launch *launch, const char *folder, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    char path[PATH_SIZE + 16];

    if (!json_print(launch->document, &text, error) || !buffer_append(&text, "\n", 1, error))
        return false;
    snprintf(path, sizeof(path), "%s/spec.json", folder);
    return file_replace_fast(AT_FDCWD, path, text.data, text.size, error);
}

/* ---- the environment ---- */

static bool set_threads(struct environment *environment, double cpus, struct error *error)
{
    static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                        "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
    int threads = cpus > 1 ? (int)ceil(cpus) : 1;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!environment_set(environment, error, names[i], "%d", threads))
            return false;
    return true;
}

static bool set_gpus(struct environment *environment, uint64_t mask, struct error *error)
{
    scoped(buffer_release) struct buffer list = {0};

    for (int i = 0; i < SCHEDULER_GPUS_LIMIT; i++)
        if ((mask >> i & 1) && !buffer_append_format(&list, error, "%s%d", list.size ? "," : "", i))
            return false;
    return environment_set(environment, error, "CUDA_VISIBLE_DEVICES", "%s",
                           list.data ? list.data : "");
}

static bool set_places(struct environment *environment, const char *home, const char *folder,
                       const struct store_launch *launch, struct error *error)
{
    char marker[PROCESS_MARKER_SIZE];
    int64_t seed = json_integer(launch->document, "seed", 0);

    return process_marker(folder, marker, error) &&
           environment_set(environment, error, "NIGHTJAR_RUN", "%s", marker) &&
           environment_set(environment, error, "NIGHTJAR_HOME", "%s", home) &&
           environment_set(environment, error, "NIGHTJAR_EXPERIMENT", "%" PRId64,
                           launch->experiment) &&
           environment_set(environment, error, "NIGHTJAR_RUN_DIR", "%s", folder) &&
           environment_set(environment, error, "NIGHTJAR_EVENTS", "%s/reported.jsonl", folder) &&
           environment_set(environment, error, "NIGHTJAR_ARTIFACTS", "%s/artifacts", folder) &&
           environment_set(environment, error, "NIGHTJAR_CHECKPOINT",
                           "%s/runs/%" PRId64 "/checkpoint", home, launch->experiment) &&
           environment_set(environment, error, "NIGHTJAR_SEED", "%" PRId64, seed);
}

static bool make_environment(struct environment *environment, const struct executor *executor,
                             const char *home, const char *folder, int64_t gpus,
                             const struct store_launch *launch, struct error *error)
{
    const char *groups = executor->groups[0] ? executor->groups : CGROUP_NONE;

    if (!environment_read(environment, launch->environment, error) ||
        !set_places(environment, home, folder, launch, error) ||
        !environment_set(environment, error, "NIGHTJAR_CGROUP", "%s", groups) ||
        !set_threads(environment, launch->cpus, error) ||
        !environment_set(environment, error, "PYTHONUNBUFFERED", "1"))
        return false;
    return gpus == 0 || set_gpus(environment, launch->gpu_mask, error);
}

/* ---- the start ---- */

bool launch_run(const struct executor *executor, const char *home, int64_t gpus,
                const cpu_set_t *cpus, const struct store_launch *launch,
                struct executor_worker *ret_worker, struct error *error)
{
    char folder[PATH_SIZE];
    scoped(descriptor_close) int lock = -1;
    scoped(environment_release) struct environment environment = {0};

    if (!launch_folder(home, launch->experiment, launch->run, folder, sizeof(folder), error) ||
        !make_folders(home, launch, folder, &lock, error) || !write_spec(launch, folder, error) ||
        !make_environment(&environment, executor, home, folder, gpus, launch, error))
        return false;

    struct executor_start start = {
        .folder = folder,
        .environment = environment.item,
        .lock_fd = lock,
        .cpus = cpus,
    };
    if (executor->kind->start(executor, &start, ret_worker, error))
        return true;
    if (error->os_errno == E2BIG)
        error->kind = ERROR_INVALID;
    return false;
}
