/* nj follow: the log of an experiment as it grows, or how several get on, until they end. */
#include "client/row.h"
#include "client/run_log.h"
#include "client/select.h"
#include "client/show.h"
#include "client/watch.h"

#include "common/owner.h"

#define LOOK_MS 200 /* at a log that grows */

struct following {
    struct watch watch;
    struct render out, messages;
    struct live live;
    struct run_log log; /* of one experiment */
    int64_t run;        /* whose log is open; 0: none */
    bool ends_line;     /* what was printed last */
};

static void following_release(struct following *following)
{
    watch_release(&following->watch);
    run_log_close(&following->log);
}

/* "12 vowel/3  units=64  done  3.2s  test.accuracy 0.47" */
static bool tell_end(const struct following *following, const cJSON *row, FILE *out,
                     struct error *error)
{
    char state[ROW_TEXT_SIZE], outcome[ROW_TEXT_SIZE], time[RENDER_NUMBER_SIZE];
    char parameters[ROW_TEXT_SIZE];
    scoped(buffer_release) struct buffer name = {0}, clean = {0}, settings = {0};
    const struct render *render = out == stdout ? &following->out : &following->messages;
    enum render_style style;

    row_state(row, state);
    style = render_state_style(state);
    row_parameters(json_member(row, "parameters"), parameters);
    if (!render_clean(render, json_text(row, "name", ""), 0, &name, error) ||
        !render_clean(render, parameters, 0, &settings, error) ||
        !render_clean(render, row_outcome(row, outcome), 0, &clean, error))
        return false;
    fprintf(out, "%lld %s  %s%s%s%s%s  %s  %s\n", (long long)json_integer(row, "id", 0),
            name.data ? name.data : "", settings.data ? settings.data : "", *parameters ? "  " : "",
            render_style(render, style), state, render_reset(render, style),
            render_duration(json_number(row, "elapsed_s", -1), time), clean.data ? clean.data : "");
    fflush(out);
    return true;
}

/* ---- one: its log -----------------------------------------------------------------------------
 */

/* Opens the log of the run that the row is in, where that is another one than before. */
static bool open_latest(struct client *client, struct following *following, const cJSON *row,
                        struct error *error)
{
    scoped(json_free) cJSON *experiment = NULL;
    scoped(buffer_release) struct buffer path = {0};
    int64_t run = json_integer(row, "run", 0);
    struct error missing = {0};

    if (run == 0 || run == following->run)
        return true;
    if (!show_ask(client, json_integer(row, "id", 0), &experiment, error))
        return false;
    if (!run_log_path(experiment, run, &path, error))
        return false;
    if (following->run)
        fprintf(stderr, "nj: run %lld\n", (long long)run);
    run_log_close(&following->log);
    /* the worker makes it when it starts: until then there is nothing to print */
    if (run_log_open(path.data, &following->log, &missing))
        following->run = run;
    else if (missing.kind != ERROR_NOT_FOUND)
        return error_set(error, missing.kind, "%s", missing.message);
    return true;
}

static bool copy_log(struct following *following, struct error *error)
{
    if (following->log.fd < 0)
        return true;
    if (following->live.lines)
        live_clear(&following->live);
    return run_log_copy(&following->log, stdout, &following->ends_line, error);
}

static bool follow_log(struct client *client, struct following *following, struct error *error)
{
    const cJSON *row = following->watch.item[0].row, *changed;

    for (;;) {
        bool ended = row_is_settled(row);

        if (!open_latest(client, following, row, error) || !copy_log(following, error))
            return false;
        if (ended)
            break;
        if (following->ends_line)
            live_draw(&following->live, &following->watch);
        if (!watch_next(&following->watch, LOOK_MS, &changed, error))
            return false;
        row = following->watch.item[0].row;
    }
    live_clear(&following->live);
    if (!following->ends_line)
        putchar('\n');
    fflush(stdout);
    return tell_end(following, row, stderr, error);
}

/* ---- several: a line each ---------------------------------------------------------------------
 */

static bool follow_several(struct following *following, struct error *error)
{
    const cJSON *row;

    for (size_t i = 0; i < following->watch.n; i++)
        if (row_is_settled(following->watch.item[i].row) &&
            !tell_end(following, following->watch.item[i].row, stdout, error))
            return false;
    while (!watch_all_settled(&following->watch)) {
        live_draw(&following->live, &following->watch);
        if (!watch_next(&following->watch, following->live.render->terminal ? 1000 : -1, &row,
                        error))
            return false;
        if (!row || !row_is_settled(row))
            continue;
        live_clear(&following->live);
        if (!tell_end(following, row, stdout, error))
            return false;
    }
    live_clear(&following->live);
    return true;
}

/* ---- for a program ----------------------------------------------------------------------------
 */

/* A row as it is now, and again with every change. */
static bool follow_json(struct watch *watch, struct error *error)
{
    const cJSON *row;

    for (size_t i = 0; i < watch->n; i++)
        if (!client_print_json(watch->item[i].row, error))
            return false;
    fflush(stdout);
    while (!watch_all_settled(watch)) {
        if (!watch_next(watch, -1, &row, error) || (row && !client_print_json(row, error)))
            return false;
        fflush(stdout);
    }
    return true;
}

static bool follow(struct client *client, struct following *following, struct error *error)
{
    if (arguments_flag(&client->arguments, "json"))
        return follow_json(&following->watch, error);
    return following->watch.n == 1 ? follow_log(client, following, error)
                                   : follow_several(following, error);
}

static bool run(struct client *client, struct error *error)
{
    scoped(following_release) struct following following = {.log = {.fd = -1}, .ends_line = true};
    cJSON *select = NULL;

    render_open(&following.out, stdout);
    render_open(&following.messages, stderr);
    following.live.render = &following.messages;
    if (!select_of_arguments(client, "last", &select, error) ||
        !watch_open(client, &select, &following.watch, error))
        return false;
    if (!follow(client, &following, error)) {
        live_clear(&following.live);
        return false;
    }
    client->exit_status = watch_verdict(&following.watch);
    return true;
}

static const struct command_option options[] = {
    COMMAND_OPTION_STATE,
    {.name = "json", .help = "Print a line of JSON for each, and again whenever one changes."},
    {0},
};

const struct command command_follow = {
    .name = "follow",
    .alias = "tail",
    .synopsis = "[ID]... [--state STATES] [--json]",
    .help = "Print the log of an experiment as it grows, or how several get on, until they end.",
    .description =
        "Of one experiment: its log, with progress and the time left below it on a terminal. Of "
        "several: a line for each that ends, above the ones that run and a bar for all. Leaving "
        "(Ctrl-C) stops nothing but the looking. Exit status as of nj wait.\n\n" SELECT_HELP
        " Without any: the last submission.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
