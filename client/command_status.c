/* nj status: what runs, what waits, what ended lately. */
#include "client/row.h"
#include "client/select.h"

#include "common/clock.h"
#include "common/owner.h"

#include <stdlib.h>
#include <string.h>

#define ENDED_SHOWN 15 /* of those that ended, unless --all or a selection says otherwise */

/* Running before waiting before ended; then the newest. */
static int rank(const cJSON *row)
{
    static const char *const order[] = {"running", "stopping", "starting", "queued", "held"};
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
    if (rank(x) < 5)
        return (id_x > id_y) - (id_x < id_y);
    return (id_x < id_y) - (id_x > id_y);
}

static void print_counts(const struct render *render, const cJSON *counts)
{
    static const char *const order[] = {"running", "starting", "stopping",  "queued",
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

static bool print_rows(struct client *client, const cJSON *list, bool shorten, struct error *error)
{
    const cJSON *rows = json_member(list, "experiments"), *row;
    size_t n = 0, active = 0, shown;
    scoped(memory_free) const cJSON **order =
        calloc((size_t)cJSON_GetArraySize(rows) + 1, sizeof(*order));
    struct render render;

    if (!order)
        return error_set(error, ERROR_NO_MEMORY, "printing the status");
    cJSON_ArrayForEach(row, rows) order[n++] = row;
    qsort(order, n, sizeof(*order), compare);
    render_open(&render, stdout);
    if (arguments_flag(&client->arguments, "parsable"))
        return row_print_tabs(&render, order, n, error);
    while (active < n && rank(order[active]) < 5)
        active++;
    shown = shorten && n - active > ENDED_SHOWN ? active + ENDED_SHOWN : n;
    print_counts(&render, json_member(list, "counts"));
    if (shown && !row_print_table(&render, order, shown, error))
        return false;
    if (shown < n)
        fprintf(render.out, "%s... and %zu that ended earlier: nj status --all%s\n",
                render_style(&render, STYLE_DIM), n - shown, render_reset(&render, STYLE_DIM));
    return true;
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *select = NULL, *list = NULL;
    bool everything = arguments_flag(arguments, "all") || arguments->n_arguments > 0 ||
                      arguments_flag(arguments, "state") || arguments_flag(arguments, "json") ||
                      arguments_flag(arguments, "parsable");

    if (!select_of_arguments(client, "all", &select, error) ||
        !select_rows(client, select, 0, &list, error))
        return false;
    if (arguments_flag(arguments, "json"))
        return client_print_json(list, error);
    return print_rows(client, list, !everything, error);
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
