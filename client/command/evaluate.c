/* nj evaluate: other figures of a stored model. */
#include "client/engine.h"

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    const char *data = arguments_text(arguments, "data", NULL);
    const char *metric;
    struct engine_call call = {0};

    for (size_t at = 0; (metric = arguments_next(arguments, "metric", &at));)
        if (!engine_call_add(&call, "--metric", metric, error))
            return false;
    if ((data && !engine_call_add(&call, "--data", data, error)) ||
        (arguments_flag(arguments, "json") && !engine_call_add(&call, "--json", NULL, error)))
        return false;
    return engine_call_run(client, "evaluate", &call, error);
}

static const struct command_option options[] = {
    {.name = "metric",
     .letter = 'm',
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "NAME",
     .help = "What is measured (nj explain evaluate.metrics); left out: what fits the target."},
    {.name = "data",
     .letter = 'd',
     .type = OPTION_TEXT,
     .value = "FILE",
     .help = "On these rows, which have the target too; left out: on the run's own parts."},
    ENGINE_OPTION_RUN,
    {.name = "json", .help = "Print one line of JSON: a number for each figure."},
    {0},
};

const struct command command_evaluate = {
    .name = "evaluate",
    .synopsis = "[ID] [--metric NAME]... [--data FILE] [--run N] [--json]",
    .help = "Measure an experiment's model anew, without training.",
    .description = "On the parts of its own data, split as they were, or on a file. Nothing is "
                   "stored.\n\n"
                   "    nj evaluate 12 --metric macro_f1 --metric confusion",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
