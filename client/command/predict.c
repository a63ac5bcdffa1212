/* nj predict: a stored model on new rows. */
#include "client/engine.h"
#include "common/compute.h"

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    static const char *const names[] = {"data", "output", "batch", "cpus", "compute"};
    static const char *const options[] = {"--data", "--output", "--batch", "--cpus", "--compute"};
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
    {.name = "compute",
     .type = OPTION_TEXT,
     .value = "NAME",
     .choices = compute_name,
     .help = "What products are computed in: float32, as in training; or bf16x3, faster."},
    ENGINE_OPTION_RUN,
    {0},
};

const struct command command_predict = {
    .name = "predict",
    .synopsis =
        "[ID] --data FILE [-o FILE] [--batch ROWS|auto] [--cpus N] [--compute NAME] [--run N]",
    .help = "Predict new rows with an experiment's model.",
    .description =
        "Each row once, in the order of the file, with its id; targets in their own units. The "
        "file is read piece by piece, so that memory does not grow with it, and the numbers do "
        "not depend on --cpus. Of an experiment that still trains its best weights so far are "
        "taken, from its checkpoint.\n\n"
        "With --compute bf16x3 the products of dense and conv1d layers are computed in the "
        "processor's tiles for bfloat16 (AMX): each number as the sum of two, in three "
        "products, summed in float32. A term is off by at most 2^-15 of its size, a sum by "
        "about as much as in float32; a row's numbers do not depend on the batch. Where the "
        "processor has no such tiles a line says so, and float32 is used. Training is never "
        "computed like that.\n\n"
        "    nj predict 12 --data new.csv -o out.csv",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
