/*
 * Editing what waits: the change is merged into the experiment's delta, so that its spec in force
 * is composed with it from then on; the columns that the scheduler reads follow that spec.
 */
#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/compose.h"
#include "daemon/store/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

struct edit {
    struct store *store;
    int64_t experiment;
    cJSON *base, *delta, *parameters, *spec; /* owned */
    struct common_config config;             /* of spec */
};

static void edit_release(struct edit *edit)
{
    json_free(&edit->base);
    json_free(&edit->delta);
    json_free(&edit->parameters);
    json_free(&edit->spec);
    settings_release(common_settings, &edit->config);
}

/* The first setting that is to be changed but that a sweep has chosen; NULL: none. */
static const char *swept_setting(const cJSON *change, const cJSON *parameters, char *path,
                                 size_t size)
{
    const cJSON *group, *item;

    cJSON_ArrayForEach(group, change)
    {
        cJSON_ArrayForEach(item, group)
        {
            (void)snprintf(path, size, "%s.%s", group->string, item->string);
            if (json_member(parameters, path))
                return path;
        }
    }
    return NULL;
}

/* What the experiment is with the change; INVALID where it cannot be. */
static bool compose_edit(struct edit *edit, sqlite3_stmt *row, const cJSON *change,
                         struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    if (!edit->delta)
        edit->delta = cJSON_CreateObject();
    if (!edit->delta)
        return store_no_memory(error);
    if (!json_merge(edit->delta, change, error) ||
        !compose_spec(edit->base, edit->delta, edit->parameters, column_text(row, 3),
                      column_int(row, 4), &edit->spec, error))
        return false;
    if (spec_parse_common(edit->spec, &edit->config, &diagnostics))
        return true;
    if (diagnostics.n == 0)
        return store_no_memory(error);
    return error_set_at(error, ERROR_INVALID, diagnostics.item[0].path, "%s",
                        diagnostics.item[0].message);
}

static bool write_edit(const struct edit *edit, struct error *error)
{
    scoped(buffer_release) struct buffer delta = {0};
    const struct resources_config *resources = &edit->config.resources;
    const struct queue_config *queue = &edit->config.queue;
    const struct scheduler_need need = {resources->cpus, resources->memory, resources->gpus};
    int64_t need_id;

    return json_print(edit->delta, &delta, error) &&
           store_need(edit->store, &need, &need_id, error) &&
           store_execute(edit->store, error,
                         "UPDATE experiment SET delta = ?2, priority = ?3, need = ?4,"
                         " retries_left = max(0, retries_left + ?5 - retries), retries = ?5"
                         " WHERE id = ?1",
                         BIND(INT(edit->experiment), TEXT(delta.data), INT(queue->priority),
                              INT(need_id), INT(queue->retries))) &&
           store_note_changed(edit->store, edit->experiment, error);
}

bool store_edit(struct store *store, int64_t experiment, const cJSON *change, char *reason,
                size_t size, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    scoped(edit_release) struct edit edit = {.store = store, .experiment = experiment};
    char path[128];

    assert(store_in_transaction(store));
    reason[0] = '\0';
    if (!store_get(store, &row, error, "experiment", experiment,
                   "SELECT b.base, e.delta, e.parameters, e.name, e.seed, e.state"
                   " FROM experiment AS e JOIN batch AS b ON b.id = e.batch WHERE e.id = ?") ||
        !column_json(row, 0, &edit.base, error) || !column_json(row, 1, &edit.delta, error) ||
        !column_json(row, 2, &edit.parameters, error))
        return false;
    enum experiment_state state = (enum experiment_state)column_int(row, 5);
    if (state != EXPERIMENT_QUEUED && state != EXPERIMENT_HELD) {
        (void)snprintf(reason, size, "is %s; only what waits can be edited",
                       experiment_state_text(state));
        return true;
    }
    if (swept_setting(change, edit.parameters, path, sizeof(path))) {
        (void)snprintf(reason, size, "%s is what its sweep chose for it", path);
        return true;
    }
    return compose_edit(&edit, row, change, error) && write_edit(&edit, error);
}
