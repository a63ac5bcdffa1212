/* nj evaluate: other figures of a stored model. */
#include "client/command/evaluate_plot.h"
#include "client/engine.h"
#include "common/compute.h"

/* What has been predicted is there: files, and no model. */
static bool compare_files(const struct arguments *arguments, struct engine_call *call,
                          struct error *error)
{
    const char *mean = arguments_text(arguments, "mean", NULL), *file;

    if (arguments->n_arguments > 0 || arguments_text(arguments, "data", NULL) ||
        arguments_flag(arguments, "json") || arguments_text(arguments, "compute", NULL) ||
        arguments_number(arguments, "run", 0) > 0)
        return error_set(error, ERROR_INVALID,
                         "--predictions goes with --metric and --mean alone: files hold what is "
                         "true");
    if (mean && !engine_call_add(call, "--mean", mean, error))
        return false;
    for (size_t at = 0; (file = arguments_next(arguments, "predictions", &at));)
        if (!engine_call_add(call, file, NULL, error))
            return false;
    return engine_call_files("score", call, error);
}

/* A picture stands alone: what it shows is not for --metric to choose. */
static bool plot(struct client *client, const char *path, struct error *error)
{
    const struct arguments *arguments = &client->arguments;

    if (arguments_option(arguments, "metric") || arguments_option(arguments, "data") ||
        arguments_option(arguments, "compute") || arguments_option(arguments, "mean") ||
        arguments_flag(arguments, "json"))
        return error_set(error, ERROR_INVALID,
                         "--plot goes with an ID or --predictions, and --target");
    if (arguments_option(arguments, "predictions") &&
        (arguments->n_arguments > 0 || arguments_option(arguments, "run")))
        return error_set(error, ERROR_INVALID, "--predictions names files: there is no ID to it");
    return evaluate_plot(client, path, error);
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    const char *data = arguments_text(arguments, "data", NULL);
    const char *compute = arguments_text(arguments, "compute", NULL);
    const char *picture = arguments_text(arguments, "plot", NULL);
    const char *metric;
    struct engine_call call = {0};
    size_t first = 0;

    if (picture)
        return plot(client, picture, error);
    if (arguments_option(arguments, "target"))
        return error_set(error, ERROR_INVALID, "--target is for --plot");
    if (arguments_option(arguments, "mean") && !arguments_option(arguments, "predictions"))
        return error_set(error, ERROR_INVALID, "--mean is for --predictions");
    for (size_t at = 0; (metric = arguments_next(arguments, "metric", &at));)
        if (!engine_call_add(&call, "--metric", metric, error))
            return false;
    if (arguments_next(arguments, "predictions", &first))
        return compare_files(arguments, &call, error);
    if ((data && !engine_call_add(&call, "--data", data, error)) ||
        (compute && !engine_call_add(&call, "--compute", compute, error)) ||
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
    {.name = "mean",
     .type = OPTION_TEXT,
     .value = "FILE.csv",
     .help = "With --predictions: write their mean, row by row, and measure it beside them."},
    {.name = "plot",
     .type = OPTION_TEXT,
     .value = "FILE.svg",
     .help = "Draw instead what was predicted beside what is true: of each output the means, their "
             "spread and the error; of a single one predicted against true."},
    {.name = "target",
     .type = OPTION_TEXT,
     .value = "NAME",
     .help = "With --plot: this output of several, predicted against true."},
    ENGINE_OPTION_RUN,
    {.name = "compute",
     .type = OPTION_TEXT,
     .value = "NAME",
     .choices = compute_name,
     .help = "What products are computed in, as nj predict has it: float32 or bf16x3."},
    {.name = "json", .help = "Print one line of JSON: a number for each figure."},
    {0},
};

const struct command command_evaluate = {
    .name = "evaluate",
    .synopsis = "[ID] [--metric NAME]... [--data FILE] [--compute NAME] [--run N] [--json]\n"
                "--predictions FILE... [--metric NAME]... [--mean FILE.csv]\n"
                "[ID]|[--predictions FILE]... --plot FILE.svg [--target NAME] [--run N]",
    .help = "Measure an experiment's model anew, without training.",
    .description =
        "On the parts of its own data, split as they were, or on a file. Nothing is "
        "stored.\n\n"
        "    nj evaluate 12 --metric macro_f1 --metric confusion\n"
        "    nj evaluate -p old.csv -p new.csv --metric mae --mean both.csv\n"
        "    nj evaluate 12 --plot spectrum.svg\n\n"
        "A picture is of what the run predicted (artifacts/predictions.csv), or of "
        "files like it, a colour each. Outputs lie where the numbers in their names say, "
        "such as wavelengths.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
