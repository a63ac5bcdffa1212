/* nj predict: a stored model on new rows. */
#include "client/engine.h"

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    static const char *const names[] = {"data", "output", "batch", "cpus"};
    static const char *const options[] = {"--data", "--output", "--batch", "--cpus"};
    struct engine_call call = {0};

    if (!arguments_option(arguments, "data"))
        return error_set(error, ERROR_INVALID, "--data says which file the rows are in");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct option_value *given = arguments_option(arguments, names[i]);

        if (given && !engine_call_add(&call, options[i], given->text, error))
            return false;
    }
    return engine_call_run(client, "predict", &call, error);
}

static const struct command_option options[] = {
    {.name = "data",
     .letter = 'd',
     .type = OPTION_TEXT,
     .value = "FILE",
     .help = "The rows: a file with the model's features, by name; targets are not needed."},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_TEXT,
     .value = "FILE",
     .help = "A .csv or .h5 file; left out: CSV to standard output."},
    {.name = "batch",
     .letter = 'b',
     .type = OPTION_TEXT,
     .value = "ROWS",
     .help = "Rows at a time (1024); auto: the fastest, by trying."},
    {.name = "cpus",
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 4096,
     .help = "Threads that predict; left out: one for each processor."},
    ENGINE_OPTION_RUN,
    {0},
};

const struct command command_predict = {
    .name = "predict",
    .synopsis = "[ID] --data FILE [-o FILE] [--batch ROWS|auto] [--cpus N] [--run N]",
    .help = "Predict new rows with an experiment's model.",
    .description =
        "Each row once, in the order of the file, with its id; targets in their own units. The "
        "file is read piece by piece, so that memory does not grow with it, and the numbers do "
        "not depend on --cpus. Of an experiment that still trains its best weights so far are "
        "taken, from its checkpoint.\n\n"
        "    nj predict 12 --data new.csv -o out.csv",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
