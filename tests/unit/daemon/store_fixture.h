/* A store in a folder of its own, and short ways to use it. Clock: `now_ms` moves by hand. */
#ifndef NIGHTJAR_TESTS_UNIT_DAEMON_STORE_FIXTURE_H
#define NIGHTJAR_TESTS_UNIT_DAEMON_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/owner.h"
#include "daemon/store/store.h"
#include "tests/support/json_text.h"
#include "tests/support/near.h"

#include <fcntl.h>
#include <inttypes.h>

static char home[64];
static struct store *store;
static int64_t now_ms;

static inline void reopen(void)
{
    struct error error;

    store_free(&store);
    if (!store_open(home, &store, &error))
        fail_msg("%s", error.message);
}

static inline int open_store(void **state)
{
    (void)state;
    (void)snprintf(home, sizeof(home), "/tmp/nightjar-store-XXXXXX");
    if (!mkdtemp(home))
        return -1;
    now_ms = 1790000000000;
    reopen();
    return 0;
}

static inline int close_store(void **state)
{
    struct error error;

    (void)state;
    store_free(&store);
    return file_remove_tree(AT_FDCWD, home, &error) ? 0 : -1;
}

#define COMMAND "'base':{'name':'job','command':['true']}"

/* "" where it went well, else "path: message" of the first complaint. Borrowed until the next. */
static inline const char *try_submit(const char *params, cJSON **ret_reply)
{
    static char text[1200];
    scoped(json_free) cJSON *json = parse_json(params);
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct error error, undo;

    text[0] = '\0';
    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    if (store_submit(store, json, now_ms, ret_reply, &diagnostics, &error)) {
        assert_true(store_keep(store, &error));
    } else {
        error_describe(&error, text, sizeof(text));
        assert_true(store_undo(store, &undo));
    }
    assert_true(store_commit(store, &error));
    return text;
}

/* The first experiment's id. */
static inline int64_t submit(const char *params)
{
    scoped(json_free) cJSON *reply = NULL;
    const char *complaint = try_submit(params, &reply);

    if (*complaint)
        fail_msg("%s", complaint);
    return json_integer(reply, "first", 0);
}

static inline int64_t submit_after(const char *key, int64_t id)
{
    char params[256];

    (void)snprintf(params, sizeof(params),
                   "{'base':{'command':['true'],'queue':{'%s':['%" PRId64 "']}}}", key, id);
    return submit(params);
}

static inline struct store_change apply_exit(int64_t id, enum experiment_event event,
                                             const struct experiment_exit *end)
{
    struct store_change change;
    struct error error;

    assert_true(store_begin(store, &error));
    if (!store_apply(store, id, event, end, now_ms, &change, &error))
        fail_msg("%s", error.message);
    assert_true(store_commit(store, &error));
    return change;
}

static inline struct store_change apply(int64_t id, enum experiment_event event)
{
    return apply_exit(id, event, NULL);
}

static inline void start(int64_t id)
{
    struct store_launch launch;
    struct error error;

    assert_true(store_begin(store, &error));
    if (!store_start(store, id, 0, now_ms, &launch, &error))
        fail_msg("%s", error.message);
    assert_true(store_commit(store, &error));
    store_launch_release(&launch);
}

static inline void take_line(int64_t id, int64_t run, enum store_journal journal, int64_t offset,
                             const char *line)
{
    scoped(json_free) cJSON *json = parse_json(line);
    struct error error;

    assert_true(store_begin(store, &error));
    if (!store_take_line(store, id, run, journal, json, offset, offset + 100, now_ms, &error))
        fail_msg("%s", error.message);
    assert_true(store_commit(store, &error));
}

static inline void report(int64_t id, int64_t offset, const char *line)
{
    take_line(id, 1, STORE_JOURNAL_REPORTED, offset, line);
}

static inline void run_to_running(int64_t id)
{
    start(id);
    take_line(id, 1, STORE_JOURNAL_EVENTS, 0,
              "{'event':'started','t':1790000000,'worker':4711,'worker_start':99,'boot':'b'}");
}

static inline struct store_change end_with(int64_t id, int status)
{
    const struct experiment_exit end = {.status = status, .wall_s = 2, .cpu_s = 1};

    return apply_exit(id, EXPERIMENT_EVENT_EXIT, &end);
}

static inline void run_to_end(int64_t id, int status)
{
    run_to_running(id);
    end_with(id, status);
}

static inline cJSON *row_of(int64_t id)
{
    struct error error;
    cJSON *row;

    if (!store_row(store, id, now_ms, &row, &error))
        fail_msg("%s", error.message);
    return row;
}

/* Borrowed until the next call. */
static inline const char *state_of(int64_t id)
{
    static char text[32];
    scoped(json_free) cJSON *row = row_of(id);

    (void)snprintf(text, sizeof(text), "%s", json_text(row, "state", ""));
    return text;
}

/* The JSON in one line, borrowed until the next call. */
static inline const char *print_json(const cJSON *json)
{
    static struct buffer text;
    struct error error;

    buffer_clear(&text);
    assert_true(json_print(json, &text, &error));
    return text.data;
}

/* All that the store tells of an experiment, as text; caller frees. */
static inline char *dump(int64_t id)
{
    scoped(json_free) cJSON *shown = NULL, *history = NULL, *params = cJSON_CreateObject();
    struct buffer text = {0};
    struct error error;

    assert_true(json_add_integer(params, "id", id));
    assert_true(store_show(store, id, now_ms, &shown, &error));
    assert_true(store_history(store, params, &history, &error));
    assert_true(json_print(shown, &text, &error) && json_print(history, &text, &error));
    return buffer_take(&text);
}

#endif
