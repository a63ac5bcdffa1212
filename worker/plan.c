/* Reads spec.json (docs/events.md) and turns it into what execve() wants. */
#include "worker/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/journal.h"
#include "common/owner.h"
#include "common/wire.h"

#define FROZEN_LIMIT 16777216
#define ENGINE_NAME "nightjar-engine"

void plan_release(struct plan *plan)
{
    memory_free(&plan->folder);
    memory_free(&plan->experiment);
    memory_free(&plan->events);
    memory_free(&plan->argv);
    memory_free(&plan->engine);
    json_free(&plan->frozen);
    settings_release(common_settings, &plan->config);
    environment_release(&plan->environment);
}

static bool join(const char *folder, const char *name, char **ret_path, struct error *error)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return error_set(error, ERROR_NO_MEMORY, "%s/%s", folder, name);
    *ret_path = path;
    return true;
}

bool plan_locate(const char *folder, struct plan *ret_plan, struct error *error)
{
    scoped(plan_release) struct plan plan = {.folder = realpath(folder, NULL)};
    char *slash = NULL;

    if (!plan.folder)
        return error_set_errno(error, errno, "%s", folder);
    plan.experiment = strdup(plan.folder);
    if (!plan.experiment)
        return error_set(error, ERROR_NO_MEMORY, "%s", folder);
    slash = strrchr(plan.experiment, '/');
    if (slash == plan.experiment)
        return error_set_at(error, ERROR_INVALID, folder,
                            "a run folder lies in the folder of its experiment");
    *slash = '\0';
    if (!join(plan.folder, "reported.jsonl", &plan.events, error))
        return false;
    *ret_plan = plan;
    plan = (struct plan){0};
    return true;
}

/* The settings that common owns, out of a spec that holds the others' too. */
static bool read_config(struct plan *plan, struct error *error)
{
    const cJSON *spec = json_member(plan->frozen, "spec");
    scoped(json_free) cJSON *own = cJSON_CreateObject();
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    if (!cJSON_IsObject(spec))
        return error_set_at(error, ERROR_INVALID, "spec.json", "holds no spec");
    for (const struct setting *setting = common_settings; setting->name; setting++) {
        const cJSON *value = json_member(spec, setting->name);
        cJSON *copy = NULL;

        if (!value)
            continue;
        copy = cJSON_Duplicate(value, true);
        if (!json_add_item(own, setting->name, &copy))
            return error_set(error, ERROR_NO_MEMORY, "reading spec.json");
    }
    if (settings_parse(common_settings, own, "", &plan->config, &diagnostics))
        return true;
    if (diagnostics.n == 0)
        return error_set(error, ERROR_NO_MEMORY, "reading spec.json");
    return error_set_at(error, ERROR_INVALID, diagnostics.item[0].path, "%s",
                        diagnostics.item[0].message);
}

static bool read_frozen(struct plan *plan, struct error *error)
{
    scoped(memory_free) char *path = NULL;
    scoped(memory_free) char *text = NULL;
    size_t size = 0;

    if (!join(plan->folder, "spec.json", &path, error) ||
        !file_read(AT_FDCWD, path, FROZEN_LIMIT, &text, &size, error))
        return false;
    if (!json_parse(text, size, &plan->frozen, error))
        return error_wrap(error, "spec.json");
    return read_config(plan, error);
}

/* The descriptor that the daemon passed, so that an upgrade under a running daemon mixes no
 * versions; else beside this program, unless NIGHTJAR_BIN names another folder. */
static bool find_engine(struct plan *plan, int engine_fd, struct error *error)
{
    const char *folder = environment_get(&plan->environment, "NIGHTJAR_BIN");
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (engine_fd >= 0) {
        (void)snprintf(self, sizeof(self), "%d", engine_fd);
        return join("/proc/self/fd", self, &plan->engine, error);
    }
    if (folder && *folder)
        return join(folder, ENGINE_NAME, &plan->engine, error);
    if (n <= 0)
        return error_set_errno(error, errno, "/proc/self/exe");
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    return join(self, ENGINE_NAME, &plan->engine, error);
}

static bool build_argv(struct plan *plan, struct error *error)
{
    static char name[] = ENGINE_NAME, verb[] = "run";
    const struct setting_texts *command = &plan->config.command;
    size_t n = plan->pipeline ? 3 : command->n;

    plan->argv = calloc(n + 1, sizeof(*plan->argv));
    if (!plan->argv)
        return error_set(error, ERROR_NO_MEMORY, "reading the command");
    if (plan->pipeline) {
        plan->program = plan->engine;
        plan->argv[0] = name;
        plan->argv[1] = verb;
        plan->argv[2] = plan->folder;
        return true;
    }
    for (size_t i = 0; i < n; i++)
        plan->argv[i] = command->item[i];
    plan->program = plan->argv[0];
    return true;
}

static bool set_number(struct environment *environment, const char *name, int64_t value,
                       struct error *error)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    return environment_set(environment, name, text, error);
}

static bool set_threads(struct plan *plan, struct error *error)
{
    static const char *const name[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                       "NUMEXPR_NUM_THREADS"};
    double cpus = plan->config.resources.cpus;
    /* Rounded up by hand: ceil() would have every worker load libm. */
    int64_t threads = (int64_t)cpus + (cpus > (double)(int64_t)cpus);

    for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
        if (!set_number(&plan->environment, name[i], threads < 1 ? 1 : threads, error))
            return false;
    return true;
}

static bool set_folder(struct plan *plan, const char *variable, const char *parent,
                       const char *name, struct error *error)
{
    scoped(memory_free) char *path = NULL;

    return join(parent, name, &path, error) && file_make_folders(path, error) &&
           environment_set(&plan->environment, variable, path, error);
}

static bool build_environment(struct plan *plan, struct error *error)
{
    struct environment *environment = &plan->environment;
    char marker[PROCESS_MARKER_SIZE];
    char id[32];

    (void)snprintf(id, sizeof(id), "%" PRId64, json_integer(plan->frozen, "id", 0));
    return process_marker(plan->folder, marker, error) &&
           environment_set(environment, "NIGHTJAR_RUN", marker, error) &&
           environment_set(environment, "NIGHTJAR_EXPERIMENT", id, error) &&
           environment_set(environment, "NIGHTJAR_RUN_DIR", plan->folder, error) &&
           environment_set(environment, "NIGHTJAR_EVENTS", plan->events, error) &&
           set_folder(plan, "NIGHTJAR_ARTIFACTS", plan->folder, "artifacts", error) &&
           set_folder(plan, "NIGHTJAR_CHECKPOINT", plan->experiment, "checkpoint", error) &&
           set_number(environment, "NIGHTJAR_SEED",
                      json_integer(plan->frozen, "seed", plan->config.seed), error) &&
           set_threads(plan, error) && environment_set(environment, "PYTHONUNBUFFERED", "1", error);
}

/* <home>/cache, where the folder is home/runs/<experiment>/<run>; elsewhere the user's home. */
static bool cache_folder(const struct plan *plan, char **ret_path, struct error *error)
{
    static const char runs[] = "/runs";
    scoped(buffer_release) struct buffer home = {0};
    size_t length = (size_t)(strrchr(plan->experiment, '/') - plan->experiment);
    size_t tail = sizeof(runs) - 1;

    if (length > tail && !strncmp(plan->experiment + length - tail, runs, tail)) {
        if (!buffer_append(&home, plan->experiment, length - tail, error))
            return false;
    } else if (!wire_home(&home, error)) {
        return false;
    }
    return join(home.data, "cache", ret_path, error);
}

static bool choose_blas(struct plan *plan, struct error *error)
{
    struct environment *environment = &plan->environment;
    const char *given = environment_get(environment, "OPENBLAS_CORETYPE");
    scoped(memory_free) char *cache = NULL;
    struct blas_core_question question = {.engine = plan->engine, .cpuinfo = "/proc/cpuinfo"};

    if (!set_number(environment, "OPENBLAS_NUM_THREADS", 1, error))
        return false;
    if (given) {
        (void)snprintf(plan->blas_core, sizeof(plan->blas_core), "%s", given);
        return true;
    }
    if (!cache_folder(plan, &cache, error))
        return false;
    question.cache_folder = cache;
    question.environment = environment->item;
    blas_core_choose(&question, plan->blas_core);
    return !plan->blas_core[0] ||
           environment_set(environment, "OPENBLAS_CORETYPE", plan->blas_core, error);
}

bool plan_read(struct plan *plan, int engine_fd, char *const *environment, struct error *error)
{
    if (!read_frozen(plan, error) || !environment_copy(environment, &plan->environment, error))
        return false;
    plan->pipeline = plan->config.command.n == 0;
    if (!build_environment(plan, error))
        return false;
    if (plan->pipeline && (!find_engine(plan, engine_fd, error) || !choose_blas(plan, error)))
        return false;
    return build_argv(plan, error);
}

const char *plan_cwd(const struct plan *plan)
{
    return json_text(plan->frozen, "cwd", "");
}

/* What became of a file since its fingerprint was taken; NULL: nothing. */
static const char *change_of(const cJSON *fingerprint, const char *path)
{
    char hash[HASH_TEXT_SIZE];
    struct stat status;
    struct error error;
    int64_t mtime_ns = 0;

    if (stat(path, &status) != 0)
        return "is missing";
    mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if ((int64_t)status.st_size != json_integer(fingerprint, "size", -1))
        return "changed";
    /* a number in JSON is a double: nanoseconds since 1970 lose their last digits there */
    if ((double)mtime_ns == json_number(fingerprint, "mtime_ns", -1))
        return NULL;
    if (!hash_file(path, hash, &error))
        return "cannot be read";
    return strcmp(hash, json_text(fingerprint, "hash", "")) != 0 ? "changed" : NULL;
}

static void report_change(const struct plan *plan, const char *path, const char *change)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();
    scoped(memory_free) char *text = NULL;
    struct error error;

    if (asprintf(&text, "%s %s since it was submitted", path, change) < 0) {
        text = NULL;
        return;
    }
    if (json_add_text(event, "event", "warning") && json_add_text(event, "text", text))
        (void)journal_report(plan->events, event, &error);
}

void plan_report_changes(const struct plan *plan)
{
    const cJSON *fingerprint = NULL;

    cJSON_ArrayForEach(fingerprint, json_member(plan->frozen, "fingerprints"))
    {
        const char *path = json_text(fingerprint, "path", NULL);
        const char *change = path ? change_of(fingerprint, path) : NULL;

        if (change)
            report_change(plan, path, change);
    }
}
