/* nj show: everything about an experiment. */
#include "client/show.h"
#include "client/curves.h"
#include "client/engine.h"
#include "client/select.h"

#include "common/owner.h"

static bool show_one(struct client *client, int64_t id, const struct render *render, bool first,
                     struct error *error)
{
    scoped(json_free) cJSON *experiment = NULL;

    if (!show_ask(client, id, &experiment, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(experiment, error);
    if (!first)
        putchar('\n');
    return show_print(render, experiment, error);
}

static bool show_model(struct client *client, struct error *error)
{
    struct engine_call call = {0};

    if (arguments_flag(&client->arguments, "json") &&
        !engine_call_add(&call, "--json", NULL, error))
        return false;
    return engine_call_run(client, "inspect", &call, error);
}

static bool draw_curves(struct client *client, const char *path, struct error *error)
{
    scoped(id_list_release) struct id_list ids = {0};

    return select_ids(client, "last", &ids, error) && curves_draw(client, &ids, path, error);
}

static bool run(struct client *client, struct error *error)
{
    const char *curves = arguments_text(&client->arguments, "curves", NULL);
    scoped(id_list_release) struct id_list ids = {0};
    struct error single;
    struct render render;
    int64_t id;

    if (!curves && (arguments_option(&client->arguments, "metric") ||
                    arguments_option(&client->arguments, "smooth")))
        return error_set(error, ERROR_INVALID, "--metric and --smooth are for --curves");
    if (curves)
        return draw_curves(client, curves, error);
    if (arguments_flag(&client->arguments, "model"))
        return show_model(client, error);
    render_open(&render, stdout);
    if (client->arguments.n_arguments <= 1 && !arguments_flag(&client->arguments, "state")) {
        if (select_single(client, &id, &single))
            return show_one(client, id, &render, true, error);
        if (single.kind != ERROR_INVALID) {
            *error = single;
            return false;
        }
    }
    if (!select_ids(client, "last", &ids, error))
        return false;
    for (size_t i = 0; i < ids.n; i++)
        if (!show_one(client, ids.item[i], &render, i == 0, error))
            return false;
    return true;
}

static const struct command_option options[] = {
    {.name = "curves",
     .type = OPTION_TEXT,
     .value = "FILE.svg",
     .help =
         "Draw what was reported by steps, a panel a metric, a colour an experiment: 12 at most."},
    {.name = "metric",
     .letter = 'm',
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "NAME",
     .help = "With --curves: only this one, as valid.loss; may be given several times."},
    {.name = "smooth",
     .type = OPTION_INTEGER,
     .value = "STEPS",
     .low = 1,
     .high = 1e6,
     .help = "With --curves: values of a moving average; a twentieth of all where not said."},
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "model", .help = "Its model instead: layers, shapes, parameters, memory."},
    {0},
};

const struct command command_show = {
    .name = "show",
    .alias = "info",
    .synopsis = "[ID]... [--model] [--json]\n"
                "[ID]... --curves FILE.svg [--metric NAME]... [--smooth STEPS]",
    .help = "Show everything about an experiment: result, runs, files, warnings, spec.",
    .description =
        "Without an ID the last experiment. --json prints one line an experiment.\n\n"
        "Curves lie beside one another, as of a batch that varies train.shuffle; a moving average "
        "calms them.\n\n"
        "    nj show batch:4 --curves loss.svg --metric train.loss --metric valid.loss",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
