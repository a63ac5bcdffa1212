/* nj evaluate: other figures of a stored model. */
#include "client/engine.h"

/* What has been predicted is there: files, and no model. */
static bool compare_files(const struct arguments *arguments, struct engine_call *call,
                          struct error *error)
{
    const char *file;

    if (arguments->n_arguments > 0 || arguments_text(arguments, "data", NULL) ||
        arguments_flag(arguments, "json") || arguments_number(arguments, "run", 0) > 0)
        return error_set(error, ERROR_INVALID,
                         "--predictions goes with --metric alone: files hold what is true");
    for (size_t at = 0; (file = arguments_next(arguments, "predictions", &at));)
        if (!engine_call_add(call, file, NULL, error))
            return false;
    return engine_call_files("score", call, error);
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    const char *data = arguments_text(arguments, "data", NULL);
    const char *metric;
    struct engine_call call = {0};
    size_t first = 0;

    for (size_t at = 0; (metric = arguments_next(arguments, "metric", &at));)
        if (!engine_call_add(&call, "--metric", metric, error))
            return false;
    if (arguments_next(arguments, "predictions", &first))
        return compare_files(arguments, &call, error);
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
    {.name = "predictions",
     .letter = 'p',
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "FILE",
     .help = "Instead of a model: what is predicted in a file such as artifacts/predictions.csv; "
             "several stand beside one another."},
    ENGINE_OPTION_RUN,
    {.name = "json", .help = "Print one line of JSON: a number for each figure."},
    {0},
};

const struct command command_evaluate = {
    .name = "evaluate",
    .synopsis = "[ID] [--metric NAME]... [--data FILE] [--run N] [--json]|[--predictions FILE]...",
    .help = "Measure an experiment's model anew, without training.",
    .description = "On the parts of its own data, split as they were, or on a file. Nothing is "
                   "stored.\n\n"
                   "    nj evaluate 12 --metric macro_f1 --metric confusion\n"
                   "    nj evaluate -p old.csv -p new.csv --metric mae",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
