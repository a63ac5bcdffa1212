/* What a start needs, and what is under way. */
#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/compose.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the spec in force ---- */

struct frozen {
    cJSON *base, *delta, *parameters; /* owned */
};

static void frozen_release(struct frozen *frozen)
{
    json_free(&frozen->base);
    json_free(&frozen->delta);
    json_free(&frozen->parameters);
}

bool store_spec(struct store *store, int64_t experiment, cJSON **ret_spec, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    scoped(frozen_release) struct frozen frozen = {0};

    return store_get(
               store, &row, error, "experiment", experiment,
               "SELECT iif(e.frozen, '{}', b.base), e.delta, iif(e.frozen, NULL, e.parameters),"
               " e.name, e.seed FROM experiment AS e"
               " JOIN batch AS b ON b.id = e.batch WHERE e.id = ?") &&
           column_json(row, 0, &frozen.base, error) && column_json(row, 1, &frozen.delta, error) &&
           column_json(row, 2, &frozen.parameters, error) &&
           compose_spec(frozen.base, frozen.delta, frozen.parameters, column_text(row, 3),
                        column_int(row, 4), ret_spec, error);
}

/* ---- starting ---- */

void store_launch_release(struct store_launch *launch)
{
    json_free(&launch->document);
    json_free(&launch->environment);
    *launch = (struct store_launch){0};
}

static bool build_document(struct store *store, int64_t experiment, sqlite3_stmt *row,
                           cJSON **ret_document, struct error *error)
{
    scoped(json_free) cJSON *document = cJSON_CreateObject();
    scoped(json_free) cJSON *parameters = NULL;
    scoped(json_free) cJSON *fingerprints = NULL;
    scoped(json_free) cJSON *spec = NULL;

    if (!store_readable_parameters(column_text(row, 6), &parameters, error) ||
        !column_json(row, 7, &fingerprints, error) || !store_spec(store, experiment, &spec, error))
        return false;
    if (!fingerprints)
        fingerprints = cJSON_CreateArray();
    if (!document || !json_add_integer(document, "v", SPEC_VERSION) ||
        !json_add_integer(document, "id", experiment) ||
        !json_add_integer(document, "run", column_int(row, 0)) ||
        !json_add_integer(document, "batch", column_int(row, 1)) ||
        !json_add_text(document, "name", column_text(row, 2)) ||
        !json_add_integer(document, "seed", column_int(row, 3)) ||
        !json_add_integer(document, "replicate", column_int(row, 4)) ||
        !json_add_text(document, "cwd", column_text(row, 5)) ||
        !json_add_item(document, "parameters", &parameters) ||
        !json_add_item(document, "fingerprints", &fingerprints) ||
        !json_add_item(document, "spec", &spec))
        return error_set(error, ERROR_NO_MEMORY, "starting experiment %" PRId64, experiment);
    *ret_document = take(&document);
    return true;
}

static void config_release(struct common_config *config)
{
    settings_release(common_settings, config);
}

static bool read_resources(struct store_launch *launch, struct error *error)
{
    scoped(config_release) struct common_config config = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *part = cJSON_CreateObject();
    const cJSON *resources = json_member(json_member(launch->document, "spec"), "resources");
    scoped(json_free) cJSON *copy =
        resources ? cJSON_Duplicate(resources, true) : cJSON_CreateObject();

    if (!part || !copy || !json_add_item(part, "resources", &copy))
        return error_set(error, ERROR_NO_MEMORY, "starting experiment %" PRId64,
                         launch->experiment);
    if (!settings_parse(common_settings, part, "", &config, &diagnostics))
        return error_set(error, diagnostics.n ? ERROR_INVALID : ERROR_NO_MEMORY,
                         "the stored spec of experiment %" PRId64 "%s%s%s%s", launch->experiment,
                         diagnostics.n ? ": " : "", diagnostics.n ? diagnostics.item[0].path : "",
                         diagnostics.n ? ": " : "",
                         diagnostics.n ? diagnostics.item[0].message : "");
    launch->cpus = config.resources.cpus;
    launch->memory = config.resources.memory;
    launch->time_s = config.resources.time;
    launch->grace_s = config.resources.grace;
    launch->log_bytes = config.resources.log;
    return true;
}

static bool load_launch(struct store *store, struct store_launch *launch, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_get(store, &row, error, "experiment", launch->experiment,
                   "SELECT e.run, e.batch, e.name, e.seed, e.replicate, b.cwd, e.parameters,"
                   " b.fingerprints, v.variables, e.pipeline, e.fresh"
                   " FROM experiment AS e JOIN batch AS b ON b.id = e.batch"
                   " LEFT JOIN environment AS v ON v.id = b.environment WHERE e.id = ?"))
        return false;
    launch->run = column_int(row, 0);
    launch->pipeline = column_int(row, 9);
    launch->fresh = column_int(row, 10);
    return column_json(row, 8, &launch->environment, error) &&
           build_document(store, launch->experiment, row, &launch->document, error);
}

/* A sweep that this version cannot read is one batch's own; what SQLite says of the whole file,
 * which it names first, is not. */
static bool propose(struct store *store, int64_t experiment, struct error *error)
{
    if (store_propose(store, experiment, error))
        return true;
    if (error->kind == ERROR_CORRUPT &&
        strncmp(error->message, store->path, strlen(store->path)) != 0)
        error->kind = ERROR_INVALID;
    return false;
}

static bool set_starting(struct store *store, int64_t experiment, int64_t now_ms,
                         struct error *error)
{
    struct store_change change;

    if (!store_apply(store, experiment, EXPERIMENT_EVENT_START, NULL, now_ms, &change, error))
        return false;
    return change.decision.allowed || error_set(error, ERROR_INVALID, "experiment %" PRId64 " %s",
                                                experiment, change.decision.reason);
}

static bool add_run(struct store *store, int64_t experiment, uint64_t gpu_mask, int64_t now_ms,
                    struct error *error)
{
    return store_execute(store, error, "UPDATE experiment SET run = run + 1 WHERE id = ?",
                         BIND(INT(experiment))) &&
           store_execute(
               store, error,
               "INSERT INTO run (experiment, run, gpu_mask, created_ms, boot, checkpoint_step)"
               " SELECT id, run, ?2, ?3, ?4, checkpoint_step FROM experiment WHERE id = ?1",
               BIND(INT(experiment), INT((int64_t)gpu_mask), INT(now_ms), TEXT(store->boot)));
}

bool store_start(struct store *store, int64_t experiment, uint64_t gpu_mask, int64_t now_ms,
                 struct store_launch *ret_launch, struct error *error)
{
    scoped(store_launch_release) struct store_launch launch = {.experiment = experiment,
                                                               .gpu_mask = gpu_mask};

    if (!set_starting(store, experiment, now_ms, error) || !propose(store, experiment, error) ||
        !add_run(store, experiment, gpu_mask, now_ms, error) ||
        !load_launch(store, &launch, error) || !read_resources(&launch, error))
        return false;
    *ret_launch = launch;
    launch = (struct store_launch){0};
    return true;
}

bool store_refuse(struct store *store, int64_t experiment, const struct error *failure,
                  int64_t now_ms, struct error *error)
{
    struct experiment_exit exit = {.status = error_exit_status(ERROR_INVALID)};
    struct store_change change;
    char text[480];

    (void)snprintf(exit.message, sizeof(exit.message), "could not be started: %s",
                   error_describe(failure, text, sizeof(text)));
    return set_starting(store, experiment, now_ms, error) &&
           add_run(store, experiment, 0, now_ms, error) &&
           store_execute(store, error, "UPDATE experiment SET retries_left = 0 WHERE id = ?",
                         BIND(INT(experiment))) &&
           store_apply(store, experiment, EXPERIMENT_EVENT_EXIT, &exit, now_ms, &change, error);
}

/* ---- what is under way ---- */

struct live_list {
    struct store_live *item; /* owned */
    size_t n;
};

static void live_list_release(struct live_list *list)
{
    free(list->item);
}

static bool add_live(sqlite3_stmt *row, void *context, struct error *error)
{
    struct live_list *list = context;
    scoped(json_free) cJSON *exit = NULL;
    struct store_live *live = realloc(list->item, (list->n + 1) * sizeof(*live));

    if (!live)
        return error_set(error, ERROR_NO_MEMORY, "listing runs");
    list->item = live;
    if (!column_json(row, 14, &exit, error))
        return false;
    live += list->n++;
    *live = (struct store_live){
        .experiment = column_int(row, 0),
        .run = column_int(row, 1),
        .state = (enum experiment_state)column_int(row, 2),
        .need = {column_real(row, 3), column_int(row, 4), column_int(row, 5)},
        .gpu_mask = (uint64_t)column_int(row, 6),
        .worker_pid = column_int(row, 7),
        .worker_start = column_int(row, 8),
        .events_offset = column_int(row, 10),
        .reported_offset = column_int(row, 11),
        .started_ms = column_int(row, 12),
        .cancel_requested = column_int(row, 13),
        .exited = exit != NULL,
    };
    (void)snprintf(live->boot, sizeof(live->boot), "%s", column_text(row, 9));
    if (exit)
        experiment_exit_read(exit, &live->exit);
    return true;
}

bool store_live(struct store *store, struct store_live **ret_live, size_t *ret_n,
                struct error *error)
{
    scoped(live_list_release) struct live_list list = {0};

    if (!store_each(store, error, add_live, &list,
                    "SELECT e.id, r.run, e.state, n.cpus, n.memory, n.gpus, r.gpu_mask,"
                    " r.worker_pid, r.worker_start, r.boot, r.events_offset, r.reported_offset,"
                    " r.started_ms, e.cancel_requested, r.exit_line"
                    " FROM experiment AS e JOIN run AS r ON r.experiment = e.id AND r.run = e.run"
                    " JOIN need AS n ON n.id = e.need"
                    " WHERE e.state IN (2, 3, 4, 8) ORDER BY e.id",
                    NULL))
        return false;
    *ret_live = take(&list.item);
    *ret_n = list.n;
    return true;
}
