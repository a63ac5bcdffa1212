#include "daemon/store/recover.h"

#include "common/hash.h"
#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/store/internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool store_recover_largest(struct store *store, int64_t *ret_id, struct error *error)
{
    return store_integer(store, 0, ret_id, error,
                         "SELECT seq FROM sqlite_sequence WHERE name = 'experiment'", NULL);
}

bool store_recover_reserve(struct store *store, int64_t id, struct error *error)
{
    int64_t largest;

    if (!store_recover_largest(store, &largest, error) || id <= largest)
        return id <= largest;
    return store_execute(store, error, "DELETE FROM sqlite_sequence WHERE name = 'experiment'",
                         NULL) &&
           store_execute(store, error,
                         "INSERT INTO sqlite_sequence (name, seq) VALUES ('experiment', ?)",
                         BIND(INT(id)));
}

bool store_recover_known(struct store *store, int64_t experiment, struct store_known *ret_known,
                         struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    bool found;

    if (!store_find(store, &row, &found, error, "SELECT run FROM experiment WHERE id = ?",
                    BIND(INT(experiment))))
        return false;
    *ret_known = (struct store_known){.exists = found};
    if (found)
        ret_known->run = column_int(row, 0);
    return true;
}

/* ---- an experiment ---- */

struct recovered {
    const cJSON *document, *spec; /* borrowed */
    int64_t id, batch, seed, created_ms;
    const char *name;
    struct buffer text, parameters, fingerprints;
    struct common_config config;
    char configuration[HASH_TEXT_SIZE];
};

static void recovered_release(struct recovered *recovered)
{
    buffer_release(&recovered->text);
    buffer_release(&recovered->parameters);
    buffer_release(&recovered->fingerprints);
    settings_release(common_settings, &recovered->config);
}

static bool print_or_empty(const cJSON *json, const char *empty, struct buffer *out,
                           struct error *error)
{
    return json ? json_print(json, out, error) : buffer_append_text(out, empty, error);
}

static bool read_document(const cJSON *document, struct recovered *recovered, struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    recovered->document = document;
    recovered->spec = json_member(document, "spec");
    recovered->id = json_integer(document, "id", 0);
    recovered->batch = json_integer(document, "batch", 0);
    recovered->seed = json_integer(document, "seed", 0);
    recovered->name = json_text(document, "name", "recovered");
    if (recovered->id < 1 || recovered->batch < 1 || !cJSON_IsObject(recovered->spec))
        return error_set(error, ERROR_INVALID, "spec.json tells too little");
    if (!spec_parse_common(recovered->spec, &recovered->config, &diagnostics))
        return error_set(error, ERROR_INVALID, "spec.json: %s",
                         diagnostics.n ? diagnostics.item[0].message : "out of memory");
    return spec_configuration_key(recovered->spec, recovered->configuration, error) &&
           json_print(recovered->spec, &recovered->text, error) &&
           print_or_empty(json_member(document, "parameters"), "{}", &recovered->parameters,
                          error) &&
           print_or_empty(json_member(document, "fingerprints"), "[]", &recovered->fingerprints,
                          error);
}

/* vowel/3 -> vowel */
static void batch_name(const char *name, char *ret_name, size_t size)
{
    const char *slash = strrchr(name, '/');
    bool numbered = slash && isdigit((unsigned char)slash[1]) &&
                    slash[1 + strspn(slash + 1, "0123456789")] == '\0';

    (void)snprintf(ret_name, size, "%.*s", numbered ? (int)(slash - name) : (int)strlen(name),
                   name);
}

static bool add_batch(struct store *store, const struct recovered *recovered, struct error *error)
{
    char name[160];

    batch_name(recovered->name, name, sizeof(name));
    return store_execute(
               store, error,
               "INSERT INTO batch (id, name, question, base, seed, cwd, fingerprints, first, last,"
               " created_ms, expectation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10)"
               " ON CONFLICT DO NOTHING",
               BIND(INT(recovered->batch), TEXT(name), TEXT(recovered->config.question),
                    TEXT(recovered->text.data), INT(recovered->seed),
                    TEXT(json_text(recovered->document, "cwd", "/")),
                    TEXT(recovered->fingerprints.data), INT(recovered->id),
                    INT(recovered->created_ms), TEXT(recovered->config.expectation))) &&
           store_execute(store, error,
                         "UPDATE batch SET first = min(first, ?2), last = max(last, ?2),"
                         " ended_ms = NULL WHERE id = ?1",
                         BIND(INT(recovered->batch), INT(recovered->id)));
}

static bool add_experiment(struct store *store, const struct recovered *recovered,
                           struct error *error)
{
    const struct common_config *config = &recovered->config;
    int64_t need;

    const struct scheduler_need wanted = {config->resources.cpus, config->resources.memory,
                                          config->resources.gpus};

    if (!store_need(store, &wanted, &need, error) ||
        !store_count_added(store, recovered->batch, EXPERIMENT_HELD, 1, error))
        return false;
    return store_execute(
        store, error,
        "INSERT INTO experiment (id, batch, name, state, priority, need, seed, replicate,"
        " configuration, delta, frozen, parameters, pipeline, requeue, retries, retries_left,"
        " breaker) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, ?12, ?13, ?13, ?14)",
        BIND(INT(recovered->id), INT(recovered->batch), TEXT(recovered->name),
             INT(config->queue.priority), INT(need), INT(recovered->seed),
             INT(json_integer(recovered->document, "replicate", 0)), TEXT(recovered->configuration),
             TEXT(recovered->text.data), TEXT(recovered->parameters.data),
             INT(config->command.n == 0), INT(config->queue.requeue), INT(config->queue.retries),
             INT(config->queue.breaker)));
}

bool store_recover_add(struct store *store, const cJSON *document, int64_t created_ms,
                       struct error *error)
{
    scoped(recovered_release) struct recovered recovered = {.created_ms = created_ms};

    return read_document(document, &recovered, error) && add_batch(store, &recovered, error) &&
           add_experiment(store, &recovered, error);
}

/* ---- its runs ---- */

bool store_recover_run(struct store *store, int64_t experiment, int64_t run, int64_t created_ms,
                       bool *ret_ended, struct error *error)
{
    int64_t verdict;

    /* In which boot it was started is not known: without a word in its journal it may have run. */
    if (!store_execute(store, error,
                       "INSERT INTO run (experiment, run, created_ms, boot)"
                       " VALUES (?1, ?2, ?3, 'unknown') ON CONFLICT DO NOTHING",
                       BIND(INT(experiment), INT(run), INT(created_ms))) ||
        !store_integer(store, 0, &verdict, error,
                       "SELECT verdict FROM run WHERE experiment = ?1 AND run = ?2",
                       BIND(INT(experiment), INT(run))))
        return false;
    *ret_ended = verdict != VERDICT_NONE;
    return true;
}

bool store_recover_end(struct store *store, int64_t experiment, int64_t run,
                       const struct experiment_exit *exit, struct error *error)
{
    struct experiment_facts facts = {.requeue = true, .retries_left = 1, .exit = exit};
    struct experiment_decision decision;
    char message[768] = "its worker ended without a word";
    int64_t ended_ms, pipeline;

    if (!store_integer(store, 0, &pipeline, error, "SELECT pipeline FROM experiment WHERE id = ?",
                       BIND(INT(experiment))) ||
        !store_integer(store, 0, &ended_ms, error,
                       "SELECT coalesce(started_ms, created_ms) FROM run"
                       " WHERE experiment = ?1 AND run = ?2",
                       BIND(INT(experiment), INT(run))))
        return false;
    facts.pipeline = pipeline;
    if (exit) {
        experiment_exit_describe(exit, message, sizeof(message));
        ended_ms += (int64_t)(exit->wall_s * 1000);
    }
    decision = experiment_decide(EXPERIMENT_RUNNING,
                                 exit ? EXPERIMENT_EVENT_EXIT : EXPERIMENT_EVENT_LOST, &facts);
    return store_end_run(store, experiment, run, &decision, exit, message, ended_ms, error) &&
           (!decision.spend_retry ||
            store_execute(store, error,
                          "UPDATE experiment SET retries_left = max(0, retries_left - 1)"
                          " WHERE id = ?",
                          BIND(INT(experiment))));
}

bool store_recover_adopt(struct store *store, int64_t experiment, int64_t run, struct error *error)
{
    return store_execute(store, error,
                         "UPDATE experiment SET state = 2, verdict = 0, run = ?2, ended_ms = NULL,"
                         " not_before_ms = NULL, cleaned = 0, fresh = 0 WHERE id = ?1",
                         BIND(INT(experiment), INT(run))) &&
           store_execute(store, error,
                         "UPDATE run SET checkpoint_step = (SELECT checkpoint_step FROM experiment"
                         " WHERE id = ?1) WHERE experiment = ?1 AND run = ?2",
                         BIND(INT(experiment), INT(run))) &&
           store_execute(store, error,
                         "UPDATE batch SET ended_ms = NULL WHERE id = (SELECT batch FROM experiment"
                         " WHERE id = ?)",
                         BIND(INT(experiment)));
}
