/*
 * Finds the method and handles it. A request that fails undoes only itself: the first that writes
 * in a turn has the transaction to itself, those after it a savepoint each; when even that fails
 * the turn is lost.
 */
#include "daemon/request/request.h"

#include <string.h>

#include "common/wire.h"

const struct request_kind *const request_kinds[] = {
    &request_batches,
    &request_best,
    &request_cancel,
    &request_clean,
    &request_compare,
    &request_daemon_backup,
    &request_daemon_drain,
    &request_daemon_reload,
    &request_daemon_status,
    &request_daemon_stop,
    &request_daemon_undrain,
    &request_history,
    &request_edit,
    &request_hold,
    &request_list,
    &request_note,
    &request_pause,
    &request_release,
    &request_report,
    &request_restart,
    &request_resume,
    &request_search,
    &request_show,
    &request_submit,
    &request_submit_add,
    &request_submit_begin,
    &request_submit_commit,
    &request_watch,
    &request_why,
    NULL,
};

static const struct request_kind *find_kind(const char *name)
{
    for (const struct request_kind *const *kind = request_kinds; *kind; kind++)
        if (strcmp((*kind)->name, name) == 0)
            return *kind;
    return NULL;
}

static void undo(struct daemon *daemon, bool alone, const struct error *error)
{
    struct error failure;

    if (alone)
        store_rollback(daemon->store);
    else if (!store_undo(daemon->store, &failure))
        daemon->turn_failure = *error;
}

static bool handle_writing(const struct request_kind *kind, struct request *request,
                           cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;
    /* SQLite copies every page that changes within a savepoint. */
    bool alone = !store_in_transaction(daemon->store);

    if (!daemon_begin(daemon, error) || (!alone && !store_savepoint(daemon->store, error)))
        return false;
    daemon->starter.wanted = true;
    if (kind->handle(request, ret_result, error)) {
        if (alone || store_keep(daemon->store, error))
            return true;
        json_free(ret_result);
    }
    undo(daemon, alone, error);
    return false;
}

void request_handle(struct daemon *daemon, struct client_session *session, const char *method,
                    const cJSON *params, struct session_answer *ret_answer)
{
    const struct request_kind *kind = find_kind(method);
    struct request request = {.daemon = daemon, .session = session, .params = params};

    if (!kind) {
        ret_answer->code = WIRE_CODE_METHOD;
        error_set(&ret_answer->error, ERROR_NOT_FOUND, "unknown method '%.64s'", method);
        return;
    }
    ret_answer->code = WIRE_CODE_FAILED;
    if (kind->writes)
        ret_answer->ok = handle_writing(kind, &request, &ret_answer->result, &ret_answer->error);
    else
        ret_answer->ok = kind->handle(&request, &ret_answer->result, &ret_answer->error);
    daemon->large = daemon->large || kind->large;
    ret_answer->later = ret_answer->ok && request.later;
    ret_answer->uncommitted = ret_answer->ok && store_in_transaction(daemon->store);
    if (!ret_answer->ok && request.diagnostics.n > 0)
        ret_answer->diagnostics = diagnostics_json(&request.diagnostics);
    diagnostics_release(&request.diagnostics);
}

bool request_integer(const struct request *request, const char *name, int64_t *ret_value,
                     struct error *error)
{
    const cJSON *value = json_member(request->params, name);
    int64_t integer = json_integer(request->params, name, INT64_MIN);

    if (!value)
        return error_set_at(error, ERROR_INVALID, name, "is missing");
    if (integer == INT64_MIN)
        return error_set_at(error, ERROR_INVALID, name, "expected an integer");
    *ret_value = integer;
    return true;
}
