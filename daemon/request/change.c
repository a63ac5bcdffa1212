#include "daemon/request/change.h"

#include <stdlib.h>

#include "common/owner.h"
#include "common/wire.h"
#include "daemon/request/answer.h"

struct request_changes {
    struct request_changes *next;
    uint64_t asker; /* the session's serial; it may be gone */
    enum experiment_event event;
    struct store_ids ids;
    size_t done;
    struct request_answer answer;
};

/* What the worker has to be told about it. */
static void plan(struct daemon *daemon, enum experiment_event event, int64_t id,
                 const struct experiment_decision *decision)
{
    if (decision->stop_run)
        supervisor_plan_stop(daemon->supervisor, id);
    if (event == EXPERIMENT_EVENT_PAUSE || event == EXPERIMENT_EVENT_RESUME)
        supervisor_plan_pause(daemon->supervisor, id, decision->pause_run);
}

static bool change_one(struct daemon *daemon, enum experiment_event event, int64_t id,
                       struct request_answer *answer, struct error *error)
{
    struct store_change outcome;

    if (!store_apply(daemon->store, id, event, NULL, daemon_wall_ms(daemon), &outcome, error))
        return false;
    if (!outcome.decision.allowed)
        return request_answer_unchanged(answer, id, outcome.decision.reason, error);
    plan(daemon, event, id, &outcome.decision);
    return request_answer_changed(answer, id, error);
}

static void changes_free(struct request_changes **changes)
{
    if (!*changes)
        return;
    store_ids_release(&(*changes)->ids);
    request_answer_release(&(*changes)->answer);
    memory_free(changes);
}

static bool change_some(struct daemon *daemon, struct request_changes *changes, struct error *error)
{
    size_t end = changes->done + REQUEST_CHANGES_PER_TURN;

    for (; changes->done < changes->ids.n && changes->done < end; changes->done++)
        if (!change_one(daemon, changes->event, changes->ids.item[changes->done], &changes->answer,
                        error))
            return false;
    return true;
}

/* The next ones and, with the last, the answer (else NULL). On failure the caller undoes what was
 * stored; no worker is told of it. */
static bool change_and_answer(struct daemon *daemon, struct request_changes *changes,
                              cJSON **ret_result, struct error *error)
{
    size_t n_wishes = supervisor_wishes(daemon->supervisor);

    *ret_result = NULL;
    if (change_some(daemon, changes, error) &&
        (changes->done < changes->ids.n || request_answer_end(&changes->answer, ret_result, error)))
        return true;
    supervisor_forget_wishes(daemon->supervisor, n_wishes);
    return false;
}

bool request_change(struct request *request, enum experiment_event event, cJSON **ret_result,
                    struct error *error)
{
    struct daemon *daemon = request->daemon;
    scoped(changes_free) struct request_changes *changes = calloc(1, sizeof(*changes));
    struct request_changes **last = &daemon->changes;

    if (!changes)
        return error_set(error, ERROR_NO_MEMORY, "selecting");
    changes->event = event;
    if (!store_select(daemon->store, json_member(request->params, "select"), &changes->ids,
                      error) ||
        !request_answer_start(&changes->answer, error))
        return false;
    if (changes->ids.n <= REQUEST_CHANGES_PER_TURN)
        return change_and_answer(daemon, changes, ret_result, error);
    changes->asker = client_session_public(request->session)->serial;
    while (*last)
        last = &(*last)->next;
    *last = take(&changes);
    request->later = true;
    return true;
}

/* ---- over several turns ---- */

/* Takes what the answer owns. */
static void answer_first(struct daemon *daemon, struct session_answer *answer)
{
    scoped(changes_free) struct request_changes *changes = daemon->changes;
    struct client_session *session = daemon_find_session(daemon, changes->asker);

    daemon->changes = changes->next;
    daemon->starter.wanted = true; /* it was kept back */
    daemon_wake(daemon);
    if (session)
        client_session_answer(session, answer);
    else
        json_free(&answer->result);
}

bool request_change_more(struct daemon *daemon, struct error *error)
{
    struct request_changes *changes = daemon->changes;
    struct session_answer answer = {.ok = true, .uncommitted = true};

    if (!change_and_answer(daemon, changes, &answer.result, error))
        return false;
    if (changes->done < changes->ids.n) {
        daemon_wake(daemon);
        return true;
    }
    answer_first(daemon, &answer);
    return true;
}

void request_change_fail(struct daemon *daemon, const struct error *failure)
{
    struct session_answer answer = {.code = WIRE_CODE_FAILED, .error = *failure};

    answer_first(daemon, &answer);
}

void request_changes_free(struct daemon *daemon)
{
    while (daemon->changes) {
        struct request_changes *changes = daemon->changes;

        daemon->changes = changes->next;
        changes_free(&changes);
    }
}
