/* Trials of a sweep that learns: what one tries is decided when it first begins, and its seed. */
#include "common/hash.h"
#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/sampler/sampler.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <stdlib.h>

#define TRIALS_LOOKED_AT 1000 /* the latest */

struct trials {
    struct sampler_trial *item; /* owned */
    size_t n, capacity;
    cJSON *parameters; /* owned: a list of what the items borrow */
};

static void trials_release(struct trials *trials)
{
    free(trials->item);
    json_free(&trials->parameters);
}

static bool add_trial(sqlite3_stmt *row, void *context, struct error *error)
{
    struct trials *trials = context;
    cJSON *parameters;

    if (trials->n == trials->capacity) {
        size_t capacity = trials->capacity ? 2 * trials->capacity : 64;
        struct sampler_trial *item = realloc(trials->item, capacity * sizeof(*item));

        if (!item)
            return store_no_memory(error);
        trials->item = item;
        trials->capacity = capacity;
    }
    if (!column_json(row, 1, &parameters, error))
        return false;
    if (!parameters || !cJSON_AddItemToArray(trials->parameters, parameters)) {
        json_free(&parameters);
        return store_no_memory(error);
    }
    trials->item[trials->n++] = (struct sampler_trial){
        .number = column_int(row, 0), .parameters = parameters, .value = column_real(row, 2)};
    return true;
}

struct asked { /* one experiment of a batch */
    int64_t experiment, first, last, seed;
    int64_t trial; /* the first experiment of its own */
    int64_t replicates;
    int64_t metric;
    bool minimize;
};

/* What another replicate of the trial has begun with; *ret NULL: none has. */
static bool take_from_twin(struct store *store, const struct asked *asked, cJSON **ret,
                           struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    bool found;

    *ret = NULL;
    return store_find(store, &row, &found, error,
                      "SELECT parameters FROM experiment WHERE id BETWEEN ?1 AND ?2"
                      " AND id <> ?3 AND run > 0 AND NOT frozen ORDER BY id LIMIT 1",
                      BIND(INT(asked->trial), INT(asked->trial + asked->replicates - 1),
                           INT(asked->experiment))) &&
           (!found || column_json(row, 0, ret, error));
}

static bool ask(struct store *store, const struct sampler_sweep *sweep, const struct asked *asked,
                cJSON **ret, struct error *error)
{
    scoped(trials_release) struct trials trials = {.parameters = cJSON_CreateArray()};
    struct sampler_history history = {.minimize = asked->minimize};

    if (!store_each(store, error, add_trial, &trials,
                    "SELECT e.id, e.parameters, iif(e.state = ?5, v.value, NULL)"
                    " FROM experiment AS e"
                    " LEFT JOIN result AS v ON v.experiment = e.id AND v.name = ?3"
                    " WHERE e.id BETWEEN ?1 AND ?2 AND e.run > 0 AND e.id <> ?4"
                    " AND NOT e.frozen ORDER BY e.id DESC LIMIT ?6",
                    BIND(INT(asked->first), INT(asked->last), INT(asked->metric),
                         INT(asked->experiment), INT(EXPERIMENT_DONE), INT(TRIALS_LOOKED_AT))))
        return false;
    history.trial = trials.item;
    history.n = trials.n;
    return sampler_improve(sweep, (asked->trial - asked->first) / asked->replicates, &history, ret,
                           error);
}

static bool keep(struct store *store, int64_t experiment, const cJSON *parameters,
                 struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    scoped(json_free) cJSON *spec = NULL;
    char configuration[HASH_TEXT_SIZE];

    return json_print(parameters, &text, error) &&
           store_execute(store, error, "UPDATE experiment SET parameters = ?2 WHERE id = ?1",
                         BIND(INT(experiment), TEXT(text.data))) &&
           store_spec(store, experiment, &spec, error) &&
           spec_configuration_key(spec, configuration, error) &&
           store_execute(store, error, "UPDATE experiment SET configuration = ?2 WHERE id = ?1",
                         BIND(INT(experiment), TEXT(configuration)));
}

/* The seed of another replicate that has begun, less what lies between them; else the one after all
 * that have tried the same; else the batch's. */
static bool keep_seed(struct store *store, const struct asked *asked, struct error *error)
{
    return store_execute(
        store, error,
        "UPDATE experiment AS e SET seed = e.replicate + coalesce("
        "(SELECT t.seed - t.replicate FROM experiment AS t WHERE t.id BETWEEN ?2 AND ?3"
        " AND t.id <> e.id AND t.run > 0 AND NOT t.frozen ORDER BY t.id LIMIT 1),"
        "(SELECT max(t.seed - t.replicate) + ?6 FROM experiment AS t"
        " WHERE t.id BETWEEN ?4 AND ?5 AND t.id NOT BETWEEN ?2 AND ?3"
        " AND t.run > 0 AND NOT t.frozen AND t.parameters = e.parameters), ?7) WHERE e.id = ?1",
        BIND(INT(asked->experiment), INT(asked->trial), INT(asked->trial + asked->replicates - 1),
             INT(asked->first), INT(asked->last), INT(asked->replicates), INT(asked->seed)));
}

static bool propose(struct store *store, const cJSON *json, struct asked *asked,
                    struct error *error)
{
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *parameters = NULL;

    if (!sampler_sweep_read(json, (uint64_t)asked->seed, &sweep, &diagnostics))
        return error_set(error, diagnostics.n ? ERROR_CORRUPT : ERROR_NO_MEMORY,
                         "the stored sweep: %s",
                         diagnostics.n ? diagnostics.item[0].message : "out of memory");
    if (!sweep.method->improve)
        return true;
    asked->replicates = sweep.space.replicates;
    asked->trial = asked->experiment - (asked->experiment - asked->first) % asked->replicates;
    if (!take_from_twin(store, asked, &parameters, error) ||
        (!parameters && !ask(store, &sweep, asked, &parameters, error)))
        return false;
    return (!parameters || keep(store, asked->experiment, parameters, error)) &&
           keep_seed(store, asked, error);
}

bool store_propose(struct store *store, int64_t experiment, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    scoped(json_free) cJSON *sweep = NULL;
    struct asked asked = {.experiment = experiment};

    if (!store_get(store, &row, error, "experiment", experiment,
                   "SELECT b.sweep, b.first, b.last, b.seed, b.minimize,"
                   " (SELECT id FROM metric_name WHERE name = b.metric), e.run, e.frozen"
                   " FROM experiment AS e JOIN batch AS b ON b.id = e.batch WHERE e.id = ?"))
        return false;
    if (column_null(row, 0) || column_int(row, 6) > 0 || column_int(row, 7))
        return true;
    asked.first = column_int(row, 1);
    asked.last = column_int(row, 2);
    asked.seed = column_int(row, 3);
    asked.minimize = column_int(row, 4);
    asked.metric = column_int(row, 5);
    return column_json(row, 0, &sweep, error) && propose(store, sweep, &asked, error);
}
