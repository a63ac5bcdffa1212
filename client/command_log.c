/* nj log: what a run wrote to its standard output and error. */
#include "client/run_log.h"
#include "client/select.h"
#include "client/show.h"

#include "common/owner.h"

static bool copy(const struct arguments *arguments, struct run_log *log, struct error *error)
{
    bool ends_line;
    int64_t lines = (int64_t)arguments_number(arguments, "lines", -1);

    if (arguments_flag(arguments, "head"))
        return run_log_copy_head(log, lines < 0 ? 10 : lines, stdout, error);
    if (lines >= 0 && !run_log_seek_tail(log, lines, error))
        return false;
    return run_log_copy(log, stdout, &ends_line, error);
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *experiment = NULL;
    scoped(buffer_release) struct buffer path = {0};
    scoped(run_log_close) struct run_log log = {.fd = -1};
    int64_t id;

    if (!select_single(client, &id, error) || !show_ask(client, id, &experiment, error) ||
        !run_log_path(experiment, (int64_t)arguments_number(arguments, "run", 0), &path, error))
        return false;
    if (arguments_flag(arguments, "path")) {
        puts(path.data);
        return true;
    }
    return run_log_open(path.data, &log, error) && copy(arguments, &log, error);
}

static const struct command_option options[] = {
    {.name = "lines",
     .letter = 'n',
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 1e9,
     .help = "Only the last N lines."},
    {.name = "head", .help = "The first lines instead of the last (10, or -n N)."},
    {.name = "run",
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 1e9,
     .help = "Of this run; else of the latest."},
    {.name = "path", .help = "Print where the log lies instead."},
    {0},
};

const struct command command_log = {
    .name = "log",
    .synopsis = "[ID] [-n N] [--head] [--run N] [--path]",
    .help = "Print what a run wrote to its standard output and error.",
    .description = "Without an ID that of the last experiment. Of a very long log the head and the "
                   "tail are kept (resources.log).",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
