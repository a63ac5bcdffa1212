/* nj status: what runs, what waits, what ended lately. */
#include "client/row.h"
#include "client/select.h"

#include "common/clock.h"
#include "common/owner.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_SHOWN 20
#define ENDED_SHOWN 15
#define RUNNING_SHOWN 500
#define BATCHES_SHOWN 8

/* Running before waiting before ended; then the newest. */
static int rank(const cJSON *row)
{
    static const char *const order[] = {"running",  "paused", "stopping",
                                        "starting", "queued", "held"};
    const char *state = json_text(row, "state", "");

    for (int i = 0; i < (int)(sizeof(order) / sizeof(*order)); i++)
        if (strcmp(order[i], state) == 0)
            return i;
    return (int)(sizeof(order) / sizeof(*order));
}

static int compare(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
    int64_t id_x = json_integer(x, "id", 0), id_y = json_integer(y, "id", 0);

    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    /* what waits is listed as it will start; what ended, the newest first */
    if (rank(x) < 6)
        return (id_x > id_y) - (id_x < id_y);
    return (id_x < id_y) - (id_x > id_y);
}

static void print_counts(const struct render *render, const cJSON *counts)
{
    static const char *const order[] = {"running", "starting", "paused",    "stopping", "queued",
                                        "held",    "failed",   "cancelled", "done"};
    size_t shown = 0;

    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        long long n = (long long)json_integer(counts, order[i], 0);
        enum render_style style = render_state_style(order[i]);

        if (n > 0)
            fprintf(render->out, "%s%s%lld %s%s", shown++ ? ", " : "", render_style(render, style),
                    n, order[i], render_reset(render, style));
    }
    fputs(shown ? "\n"
                : "nothing was submitted yet: nj submit FILE.yaml, or nj submit -- COMMAND\n",
          render->out);
}

static bool print_rows(const struct render *render, const cJSON *rows, bool tabs,
                       struct error *error)
{
    scoped(memory_free) const cJSON **order =
        calloc((size_t)cJSON_GetArraySize(rows) + 1, sizeof(void *));
    const cJSON *row;
    size_t n = 0;

    if (!order)
        return error_set(error, ERROR_NO_MEMORY, "printing the status");
    cJSON_ArrayForEach(row, rows) order[n++] = row;
    qsort(order, n, sizeof(void *), compare);
    if (tabs)
        return row_print_tabs(render, order, n, error);
    return n == 0 || row_print_table(render, order, n, error);
}

/* One of the parts that the short status has; *left counts what it does not show. */
static bool add_part(struct client *client, const cJSON *select, const char *states, int64_t shown,
                     bool newest, cJSON **whole, int64_t *ret_left, struct error *error)
{
    scoped(json_free) cJSON *part = NULL;
    cJSON *rows, *row;

    if (!select_page(client, select, states, newest ? -shown : 0, shown, &part, error))
        return false;
    rows = cJSON_GetObjectItemCaseSensitive(part, "experiments");
    *ret_left = json_integer(part, "total", 0) - cJSON_GetArraySize(rows);
    if (!*whole) {
        *whole = take(&part);
        return true;
    }
    while ((row = cJSON_DetachItemFromArray(rows, 0)))
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(*whole, "experiments"), row);
    return true;
}

static void tell_left(const struct render *render, int64_t n, const char *what, const char *how)
{
    if (n > 0)
        fprintf(render->out, "%s... and %lld more that %s: nj status %s%s\n",
                render_style(render, STYLE_DIM), (long long)n, what, how,
                render_reset(render, STYLE_DIM));
}

static int64_t waiting_in(const cJSON *counts)
{
    return json_integer(counts, "queued", 0) + json_integer(counts, "held", 0);
}

static bool print_batch(const struct render *render, const cJSON *batch, struct error *error)
{
    scoped(buffer_release) struct buffer name = {0};

    if (!render_clean(render, json_text(batch, "name", ""), 0, &name, error))
        return false;
    fprintf(render->out, "    batch %lld  %s: ", (long long)json_integer(batch, "id", 0),
            name.data ? name.data : "");
    print_counts(render, json_member(batch, "counts"));
    return true;
}

/* Which batches the many belong to that wait and are not shown. */
static bool print_batches(struct client *client, const struct render *render, struct error *error)
{
    scoped(json_free) cJSON *reply = NULL;
    cJSON *params = NULL;
    const cJSON *batch;
    int n = 0;

    if (!client_call(client, "batches", &params, &reply, error))
        return false;
    cJSON_ArrayForEach(batch, json_member(reply, "batches"))
    {
        if (waiting_in(json_member(batch, "counts")) < 2 || n++ >= BATCHES_SHOWN)
            continue;
        if (!print_batch(render, batch, error))
            return false;
    }
    if (n > BATCHES_SHOWN)
        fprintf(render->out, "    and %d more batches\n", n - BATCHES_SHOWN);
    return true;
}

/* What runs, what starts next, what ended last: the same few lines whatever the queue holds. */
static bool print_short(struct client *client, const struct render *render, const cJSON *select,
                        struct error *error)
{
    scoped(json_free) cJSON *list = NULL;
    int64_t running, waiting, ended;

    if (!add_part(client, select, "running,paused,starting,stopping", RUNNING_SHOWN, false, &list,
                  &running, error) ||
        !add_part(client, select, "queued,held", WAITING_SHOWN, false, &list, &waiting, error) ||
        !add_part(client, select, "ended", ENDED_SHOWN, true, &list, &ended, error))
        return false;
    print_counts(render, json_member(list, "counts"));
    if (!print_rows(render, json_member(list, "experiments"), false, error))
        return false;
    tell_left(render, running, "run", "--state running");
    tell_left(render, waiting, "wait", "--state queued,held");
    if (waiting > 0 && !print_batches(client, render, error))
        return false;
    tell_left(render, ended, "ended earlier", "--all");
    return true;
}

/* The counts of what is listed, not of the whole queue. */
static bool count_states(const cJSON *rows, cJSON **ret_counts, struct error *error)
{
    scoped(json_free) cJSON *counts = cJSON_CreateObject();
    const cJSON *row;

    cJSON_ArrayForEach(row, rows)
    {
        const char *state = json_text(row, "state", "?");
        cJSON *n = cJSON_GetObjectItemCaseSensitive(counts, state);

        if (n)
            cJSON_SetNumberValue(n, n->valuedouble + 1);
        else if (!counts || !json_add_integer(counts, state, 1))
            return error_set(error, ERROR_NO_MEMORY, "printing the status");
    }
    *ret_counts = take(&counts);
    return true;
}

/* The daemon's answer, whose counts are the whole queue's, about what was selected. */
static bool print_json(const struct arguments *arguments, cJSON *list, struct error *error)
{
    bool selected = arguments->n_arguments > 0 || arguments_flag(arguments, "state");
    scoped(json_free) cJSON *counts = NULL;
    cJSON *whole;

    if (!selected)
        return client_print_json(list, error);
    if (!count_states(json_member(list, "experiments"), &counts, error))
        return false;
    whole = cJSON_DetachItemFromObjectCaseSensitive(list, "counts");
    if (!json_add_item(list, "counts", &counts) || !json_add_item(list, "queue", &whole))
        return error_set(error, ERROR_NO_MEMORY, "printing the status");
    return client_print_json(list, error);
}

static bool print_long(const struct render *render, const cJSON *list, struct error *error)
{
    const cJSON *rows = json_member(list, "experiments");
    scoped(json_free) cJSON *counts = NULL;

    if (cJSON_GetArraySize(rows) == 0)
        return error_set(error, ERROR_NOT_FOUND, "no such experiment");
    if (!count_states(rows, &counts, error))
        return false;
    print_counts(render, counts);
    return print_rows(render, rows, false, error);
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *select = NULL, *list = NULL;
    bool json = arguments_flag(arguments, "json"), tabs = arguments_flag(arguments, "parsable");
    bool everything = arguments_flag(arguments, "all") || arguments->n_arguments > 0 ||
                      arguments_flag(arguments, "state") || json || tabs;
    struct render render;

    render_open(&render, stdout);
    if (!select_of_arguments(client, "all", &select, error))
        return false;
    if (!everything)
        return print_short(client, &render, select, error);
    if (!select_rows(client, select, &list, error))
        return false;
    if (json)
        return print_json(arguments, list, error);
    if (tabs)
        return print_rows(&render, json_member(list, "experiments"), true, error);
    return print_long(&render, list, error);
}

static const struct command_option options[] = {
    {.name = "all", .letter = 'a', .help = "Also all that ended, not only the latest."},
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable",
     .help = "Print id, state, batch, name, seconds and outcome apart by tabs."},
    {0},
};

const struct command command_status = {
    .name = "status",
    .alias = "ls",
    .synopsis = "[ID]... [--all] [--state STATES] [--json|--parsable]",
    .help = "List what runs, what waits and what ended lately.",
    .description = SELECT_HELP " Bare nj is nj status.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
