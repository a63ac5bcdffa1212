/* nj log: what a run wrote to its standard output and error. */
#include "client/run_log.h"
#include "client/select.h"
#include "client/show.h"

#include "common/owner.h"
#include "common/utf8.h"

#include <stdio.h>
#include <string.h>

static bool copy(const struct arguments *arguments, struct run_log *log, FILE *out,
                 struct error *error)
{
    bool ends_line;
    int64_t lines = (int64_t)arguments_number(arguments, "lines", -1);

    if (arguments_flag(arguments, "head"))
        return run_log_copy_head(log, lines < 0 ? 10 : lines, out, error);
    if (lines >= 0 && !run_log_seek_tail(log, lines, error))
        return false;
    return run_log_copy(log, out, &ends_line, error);
}

/* JSON holds UTF-8 alone: any other byte becomes U+FFFD. */
static bool append_utf8(const char *text, size_t size, struct buffer *out, struct error *error)
{
    for (size_t at = 0; at < size;) {
        size_t character = text[at] ? utf8_size(text + at, size - at) : 0;

        if (!(character ? buffer_append(out, text + at, character, error)
                        : buffer_append_text(out, "\xEF\xBF\xBD", error)))
            return false;
        at += character ? character : 1;
    }
    return true;
}

static bool print_json(const struct arguments *arguments, const cJSON *experiment, const char *path,
                       struct run_log *log, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    scoped(buffer_release) struct buffer clean = {0};
    scoped(json_free) cJSON *json = cJSON_CreateObject();
    int64_t run = (int64_t)arguments_number(arguments, "run", 0);
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    bool copied;

    if (!memory || !json)
        return error_set(error, ERROR_NO_MEMORY, "reading the log");
    copied = copy(arguments, log, memory, error);
    if (fclose(memory) != 0 && copied)
        return error_set(error, ERROR_NO_MEMORY, "reading the log");
    if (!copied || !append_utf8(text, size, &clean, error))
        return false;
    if (!json_add_integer(json, "id", json_integer(experiment, "id", 0)) ||
        !json_add_integer(json, "run", run ? run : json_integer(experiment, "run", 0)) ||
        !json_add_text(json, "path", path) ||
        !json_add_text(json, "text", clean.data ? clean.data : ""))
        return error_set(error, ERROR_NO_MEMORY, "reading the log");
    return client_print_json(json, error);
}

/* A run that has just begun has no log yet: it has printed nothing. */
static bool open_log(const cJSON *experiment, const char *path, struct run_log *log,
                     struct error *error)
{
    const char *state = json_text(experiment, "state", "");
    bool begins = strcmp(state, "starting") == 0 || strcmp(state, "running") == 0;

    return run_log_open(path, log, error) ||
           (begins && error->kind == ERROR_NOT_FOUND && run_log_open("/dev/null", log, error));
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
    if (!open_log(experiment, path.data, &log, error))
        return false;
    if (arguments_flag(arguments, "json"))
        return print_json(arguments, experiment, path.data, &log, error);
    return copy(arguments, &log, stdout, error);
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
    {.name = "json", .help = "Print one line of JSON: id, run, path, text."},
    {0},
};

const struct command command_log = {
    .name = "log",
    .synopsis = "[ID] [-n N] [--head] [--run N] [--path|--json]",
    .help = "Print what a run wrote to its standard output and error.",
    .description = "Without an ID that of the last experiment. Of a very long log the head and the "
                   "tail are kept (resources.log).",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
