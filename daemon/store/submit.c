/* Submissions become rows: a batch, its experiments, what they wait for. */
#include "common/hash.h"
#include "common/owner.h"
#include "daemon/batch.h"
#include "daemon/store/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define DEPENDENCIES_LIMIT 10000 /* of one experiment */
#define ENVIRONMENT_SIZE 4096    /* bytes that most need at most: room for it at once */

struct submission {
    struct store *store;
    const struct batch_head *head;
    int64_t now_ms;
    int64_t batch, first, last;
    int64_t newest_before; /* what `last` means in queue.after */
    struct scheduler_need need;
    int64_t need_id; /* of `need`; 0: none yet */
    int64_t n_queued, n_held;
    struct store_ids skipped; /* what one of them waits for has failed already */
    struct buffer delta, parameters;
};

static void submission_release(struct submission *submission)
{
    store_ids_release(&submission->skipped);
    buffer_release(&submission->delta);
    buffer_release(&submission->parameters);
}

static bool print_or_null(const cJSON *json, struct buffer *buffer, const char **ret_text,
                          struct error *error)
{
    buffer_clear(buffer);
    if (json && !json_print(json, buffer, error))
        return false;
    *ret_text = json ? buffer->data : NULL;
    return true;
}

/* ---- the batch ---- */

static bool add_environment(struct store *store, const cJSON *environment, int64_t *ret_id,
                            struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    char hash[HASH_TEXT_SIZE];

    if (!buffer_reserve(&text, ENVIRONMENT_SIZE, error) || !json_print(environment, &text, error))
        return false;
    hash_text(text.data, text.size, hash);
    if (!store_integer(store, 0, ret_id, error, "SELECT id FROM environment WHERE hash = ?",
                       BIND(TEXT(hash))))
        return false;
    if (*ret_id)
        return true; /* most submissions have the last one's */
    if (!store_execute(store, error, "INSERT INTO environment (hash, variables) VALUES (?1, ?2)",
                       BIND(TEXT(hash), TEXT(text.data))))
        return false;
    *ret_id = store_last_id(store);
    return true;
}

static bool add_batch(struct submission *submission, struct error *error)
{
    const struct batch_head *head = submission->head;
    struct store *store = submission->store;
    scoped(buffer_release) struct buffer base = {0}, sweep = {0}, fingerprints = {0};
    const char *base_text, *sweep_text, *fingerprints_text;
    int64_t environment = 0;

    if (head->environment && !add_environment(store, head->environment, &environment, error))
        return false;
    if (!print_or_null(head->base, &base, &base_text, error) ||
        !print_or_null(head->sweep, &sweep, &sweep_text, error) ||
        !print_or_null(head->fingerprints, &fingerprints, &fingerprints_text, error))
        return false;
    if (!store_execute(store, error,
                       "INSERT INTO batch (name, question, base, sweep, seed, cwd, environment,"
                       " fingerprints, on_finish, token, metric, minimize, created_ms, expectation,"
                       " time_ms)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8, ?9, ?10,"
                       " nullif(?11, ''), ?12, ?13, ?14, nullif(?15, 0))",
                       BIND(TEXT(head->name), TEXT(head->question), TEXT(base_text),
                            TEXT(sweep_text), INT(head->seed), TEXT(head->cwd), INT(environment),
                            TEXT(fingerprints_text), TEXT(head->on_finish), TEXT(head->token),
                            TEXT(head->metric), INT(head->minimize), INT(submission->now_ms),
                            TEXT(head->expectation), INT((int64_t)ceil(head->time_s * 1000)))))
        return false;
    submission->batch = store_last_id(store);
    return true;
}

/* ---- what an experiment waits for ---- */

static bool add_dependency(struct submission *submission, int64_t experiment, int64_t kind,
                           int64_t needs, bool ok, bool *ret_failed, struct error *error)
{
    bool ended, was_ok;

    /* Nothing waits for itself, nor for what is submitted with it. */
    if (needs > (kind == 0 ? submission->newest_before : submission->batch - 1))
        return error_set(error, ERROR_NOT_FOUND, "it is not there yet");
    if (!store_is_ended(submission->store, kind, needs, &ended, &was_ok, error))
        return false;
    *ret_failed = *ret_failed || (ended && ok && !was_ok);
    /* Both after and after_ok of the same one: the stricter counts. */
    return store_execute(submission->store, error,
                         "INSERT INTO dependency (kind, needs, experiment, ok, met)"
                         " VALUES (?1, ?2, ?3, ?4, ?5)"
                         " ON CONFLICT DO UPDATE SET ok = max(ok, excluded.ok)",
                         BIND(INT(kind), INT(needs), INT(experiment), INT(ok), INT(ended)));
}

static bool add_range(struct submission *submission, int64_t experiment,
                      const struct spec_reference *reference, bool ok, bool *ret_failed,
                      struct error *error)
{
    bool any = false;

    /* A range takes what exists in it. */
    for (int64_t id = reference->first; id <= reference->last_id; id++) {
        if (add_dependency(submission, experiment, reference->batch, id, ok, ret_failed, error))
            any = true;
        else if (error->kind != ERROR_NOT_FOUND)
            return false;
    }
    return any || error_set(error, ERROR_NOT_FOUND, "nothing to wait for");
}

static bool add_dependencies(struct submission *submission, int64_t experiment,
                             const struct setting_texts *texts, bool ok, bool *ret_failed,
                             struct error *error)
{
    const char *path = ok ? "queue.after_ok" : "queue.after";

    for (size_t i = 0; i < texts->n; i++) {
        struct spec_reference reference = {0};

        (void)spec_reference_parse(texts->item[i], &reference); /* checked with the spec */
        if (reference.last)
            reference.first = reference.last_id = submission->newest_before;
        if (reference.last_id - reference.first >= DEPENDENCIES_LIMIT)
            return error_set_at(error, ERROR_INVALID, path, "%s: more than %d experiments",
                                texts->item[i], DEPENDENCIES_LIMIT);
        if (add_range(submission, experiment, &reference, ok, ret_failed, error))
            continue;
        if (error->kind != ERROR_NOT_FOUND)
            return false;
        return error_set_at(error, ERROR_INVALID, path, "there is no %s", texts->item[i]);
    }
    return true;
}

static bool wait_for(struct submission *submission, int64_t experiment,
                     const struct queue_config *queue, struct error *error)
{
    bool failed = false;

    if (queue->after.n == 0 && queue->after_ok.n == 0)
        return true;
    if (!add_dependencies(submission, experiment, &queue->after, false, &failed, error) ||
        !add_dependencies(submission, experiment, &queue->after_ok, true, &failed, error) ||
        !store_execute(submission->store, error,
                       "UPDATE experiment SET blocked = (SELECT count(*) FROM dependency"
                       " WHERE dependency.experiment = ?1 AND met = 0) WHERE id = ?1",
                       BIND(INT(experiment))))
        return false;
    return !failed || store_ids_add(&submission->skipped, experiment, error);
}

/* When all are there and counted: the batch may end by this. */
static bool skip(struct submission *submission, struct error *error)
{
    struct store_change change;

    for (size_t i = 0; i < submission->skipped.n; i++) {
        if (!store_apply(submission->store, submission->skipped.item[i],
                         EXPERIMENT_EVENT_DEPENDENCY_FAILED, NULL, submission->now_ms, &change,
                         error))
            return false;
    }
    return true;
}

/* ---- the experiments ---- */

bool store_need(struct store *store, const struct scheduler_need *need, int64_t *ret_id,
                struct error *error)
{
    if (!store_integer(store, 0, ret_id, error,
                       "SELECT id FROM need WHERE cpus = ?1 AND memory = ?2 AND gpus = ?3",
                       BIND(REAL(need->cpus), INT(need->memory), INT(need->gpus))))
        return false;
    if (*ret_id)
        return true;
    if (!store_execute(store, error, "INSERT INTO need (cpus, memory, gpus) VALUES (?1, ?2, ?3)",
                       BIND(REAL(need->cpus), INT(need->memory), INT(need->gpus))))
        return false;
    *ret_id = store_last_id(store);
    return true;
}

static bool find_need(struct submission *submission, const struct resources_config *resources,
                      struct error *error)
{
    const struct scheduler_need need = {resources->cpus, resources->memory, resources->gpus};
    const struct scheduler_need *known = &submission->need;

    if (submission->need_id && known->cpus == need.cpus && known->memory == need.memory &&
        known->gpus == need.gpus)
        return true;
    if (!store_need(submission->store, &need, &submission->need_id, error))
        return false;
    submission->need = need;
    return true;
}

bool store_count_added(struct store *store, int64_t batch, enum experiment_state state, int64_t n,
                       struct error *error)
{
    return n == 0 || store_execute(store, error,
                                   "INSERT INTO state_count VALUES (?1, ?2, ?3)"
                                   " ON CONFLICT DO UPDATE SET n = n + excluded.n",
                                   BIND(INT(batch), INT(state), INT(n)));
}

static bool add_experiment(void *context, const struct batch_experiment *experiment,
                           struct error *error)
{
    struct submission *submission = context;
    const struct queue_config *queue = &experiment->config->queue;
    bool hold = submission->head->hold || queue->hold;
    const char *delta, *parameters;

    if (!find_need(submission, &experiment->config->resources, error) ||
        !print_or_null(experiment->delta, &submission->delta, &delta, error) ||
        !print_or_null(experiment->parameters, &submission->parameters, &parameters, error))
        return false;
    if (!store_execute(
            submission->store, error,
            "INSERT INTO experiment (batch, name, state, priority, need, seed, replicate,"
            " configuration, delta, parameters, pipeline, requeue, retries, retries_left, breaker)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14)",
            BIND(INT(submission->batch), TEXT(experiment->name),
                 INT(hold ? EXPERIMENT_HELD : EXPERIMENT_QUEUED), INT(queue->priority),
                 INT(submission->need_id), INT(experiment->seed), INT(experiment->replicate),
                 TEXT(experiment->configuration), TEXT(delta), TEXT(parameters),
                 INT(experiment->pipeline), INT(queue->requeue), INT(queue->retries),
                 INT(queue->breaker))))
        return false;
    submission->last = store_last_id(submission->store);
    *(hold ? &submission->n_held : &submission->n_queued) += 1;
    if (!submission->first)
        submission->first = submission->last;
    return wait_for(submission, submission->last, queue, error);
}

static bool settle(struct submission *submission, struct error *error)
{
    struct store *store = submission->store;
    int64_t batch = submission->batch;

    return store_count_added(store, batch, EXPERIMENT_QUEUED, submission->n_queued, error) &&
           store_count_added(store, batch, EXPERIMENT_HELD, submission->n_held, error) &&
           store_execute(store, error, "UPDATE batch SET first = ?2, last = ?3 WHERE id = ?1",
                         BIND(INT(batch), INT(submission->first), INT(submission->last))) &&
           skip(submission, error);
}

static bool reply(int64_t batch, int64_t first, int64_t last, cJSON **ret_reply,
                  struct error *error)
{
    scoped(json_free) cJSON *json = cJSON_CreateObject();

    if (!json || !json_add_integer(json, "batch", batch) ||
        !json_add_integer(json, "first", first) || !json_add_integer(json, "last", last) ||
        !json_add_integer(json, "count", last - first + 1))
        return error_set(error, ERROR_NO_MEMORY, "submitting");
    *ret_reply = take(&json);
    return true;
}

static bool answer_again(struct store *store, const char *token, cJSON **ret_reply,
                         struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool found;

    if (!token)
        return true;
    if (!store_find(store, &statement, &found, error,
                    "SELECT id, first, last FROM batch WHERE token = ?", BIND(TEXT(token))))
        return false;
    return !found || reply(column_int(statement, 0), column_int(statement, 1),
                           column_int(statement, 2), ret_reply, error);
}

/* An error about the spec that only the store could find is told like the others. */
static bool refuse(const struct error *error, struct diagnostics *diagnostics)
{
    if (error->kind == ERROR_INVALID && diagnostics->n == 0)
        diagnostics_add(diagnostics, error->path, "%s", error->message);
    return false;
}

bool store_submit(struct store *store, const cJSON *params, int64_t now_ms, cJSON **ret_reply,
                  struct diagnostics *diagnostics, struct error *error)
{
    return store_submit_parts(store, params, NULL, now_ms, ret_reply, diagnostics, error);
}

bool store_submit_parts(struct store *store, const cJSON *params, const struct batch_source *more,
                        int64_t now_ms, cJSON **ret_reply, struct diagnostics *diagnostics,
                        struct error *error)
{
    scoped(batch_head_release) struct batch_head head = {0};
    scoped(submission_release) struct submission submission = {
        .store = store, .head = &head, .now_ms = now_ms};
    const struct batch_visitor visitor = {add_experiment, &submission};
    cJSON *known = NULL;
    int64_t count;

    assert(store_in_transaction(store));
    if (!batch_head_read(params, &head, diagnostics, error) ||
        !answer_again(store, head.token, &known, error))
        return false;
    if (known) {
        *ret_reply = known;
        return true;
    }
    head.more = more;
    if (!store_integer(store, 0, &submission.newest_before, error, "SELECT max(id) FROM experiment",
                       NULL) ||
        !add_batch(&submission, error))
        return false;
    if (!batch_expand(&head, &visitor, &count, diagnostics, error))
        return refuse(error, diagnostics);
    return settle(&submission, error) &&
           reply(submission.batch, submission.first, submission.last, ret_reply, error);
}
