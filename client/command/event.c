/* nj event: what a running program tells about itself; one line in $NIGHTJAR_EVENTS. */
#include "client/client.h"

#include "common/journal.h"
#include "common/owner.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "preparing the event");
}

static bool parse_value(const char *name, const char *text, double *ret, struct error *error)
{
    char *end;

    *ret = strtod(text, &end);
    if (end == text || *end)
        return error_set(error, ERROR_INVALID, "%s: expected a number, not '%s'", name, text);
    return true;
}

/* loss=0.31 */
static bool add_metric(cJSON *event, const char *argument, struct error *error)
{
    const char *equals = strchr(argument, '=');
    char name[256];
    double value;

    if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof(name))
        return error_set(error, ERROR_INVALID, "event: expected name=number, not '%s'", argument);
    snprintf(name, sizeof(name), "%.*s", (int)(equals - argument), argument);
    if (!parse_value(name, equals + 1, &value, error))
        return false;
    if (strcmp(name, "step") == 0 && (value < 0 || value != floor(value)))
        return error_set(error, ERROR_INVALID, "step: expected a whole number, not '%s'",
                         equals + 1);
    if (json_member(event, name))
        return error_set(error, ERROR_INVALID, "event: %s is given twice", name);
    return json_add_number(event, name, value) || no_memory(error);
}

static bool report_metrics(const char *journal, const struct arguments *arguments,
                           struct error *error)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();

    if (!event)
        return no_memory(error);
    for (size_t i = 0; i < arguments->n_arguments; i++)
        if (!add_metric(event, arguments->argument[i], error))
            return false;
    if (cJSON_GetArraySize(event) == 1 && json_member(event, "step"))
        return error_set(error, ERROR_INVALID, "event: step alone says nothing");
    return journal_report(journal, event, error);
}

static cJSON *new_event(const char *name)
{
    scoped(json_free) cJSON *event = cJSON_CreateObject();

    if (!event || !json_add_text(event, "event", name))
        return NULL;
    return take(&event);
}

static bool report_text(const char *journal, const char *kind, const char *text,
                        struct error *error)
{
    scoped(json_free) cJSON *event = new_event(kind);

    if (!event || !json_add_text(event, "text", text))
        return no_memory(error);
    return journal_report(journal, event, error);
}

/* 3/40 */
static bool report_progress(const char *journal, const char *text, const char *unit,
                            struct error *error)
{
    scoped(json_free) cJSON *event = new_event("progress");
    const char *slash = strchr(text, '/');
    char done_text[64];
    double done, total;

    if (!slash || (size_t)(slash - text) >= sizeof(done_text))
        return error_set(error, ERROR_INVALID, "--progress: expected DONE/TOTAL, not '%s'", text);
    snprintf(done_text, sizeof(done_text), "%.*s", (int)(slash - text), text);
    if (!parse_value("--progress", done_text, &done, error) ||
        !parse_value("--progress", slash + 1, &total, error))
        return false;
    if (!(done >= 0 && total > 0 && done <= total && isfinite(total)))
        return error_set(error, ERROR_INVALID, "--progress: %s is no part of a whole", text);
    if (!event || !json_add_number(event, "done", done) ||
        !json_add_number(event, "total", total) || !json_add_text(event, "unit", unit))
        return no_memory(error);
    return journal_report(journal, event, error);
}

/* name=path; a path below the run folder is told relative to it. */
static bool report_artifact(const char *journal, const char *text, struct error *error)
{
    scoped(json_free) cJSON *event = new_event("artifact");
    const char *equals = strchr(text, '='), *folder = getenv("NIGHTJAR_RUN_DIR");
    scoped(memory_free) char *name = NULL;
    char path[PATH_MAX], run[PATH_MAX];
    const char *shown = path;
    struct stat status;
    size_t size;

    if (!equals || equals == text)
        return error_set(error, ERROR_INVALID, "--artifact: expected name=path, not '%s'", text);
    name = strndup(text, (size_t)(equals - text));
    if (!realpath(equals + 1, path) || stat(path, &status) != 0)
        return error_set(error, ERROR_INVALID, "--artifact: %s: %s", equals + 1, strerror(errno));
    if (folder && realpath(folder, run)) {
        size = strlen(run);
        if (strncmp(path, run, size) == 0 && path[size] == '/')
            shown = path + size + 1;
    }
    if (!event || !name || !json_add_text(event, "name", name) ||
        !json_add_text(event, "path", shown) || !json_add_integer(event, "bytes", status.st_size))
        return no_memory(error);
    return journal_report(journal, event, error);
}

static bool report_option(const char *journal, const struct arguments *arguments,
                          const struct option_value *value, struct error *error)
{
    const char *option = value->option->name;

    if (strcmp(option, "note") == 0 || strcmp(option, "warning") == 0)
        return report_text(journal, option, value->text, error);
    if (strcmp(option, "progress") == 0)
        return report_progress(journal, value->text, arguments_text(arguments, "unit", NULL),
                               error);
    if (strcmp(option, "artifact") == 0)
        return report_artifact(journal, value->text, error);
    return true; /* --unit belongs to --progress */
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    const char *journal = getenv("NIGHTJAR_EVENTS");

    if (arguments->n_arguments == 0 && arguments->n_values == 0)
        return error_set(error, ERROR_INVALID,
                         "event: nothing to tell: nj event loss=0.31 step=10");
    if (!journal || !*journal)
        return error_set(error, ERROR_INVALID,
                         "event: not inside a run (NIGHTJAR_EVENTS is not set)");
    if (arguments->n_arguments && !report_metrics(journal, arguments, error))
        return false;
    for (size_t i = 0; i < arguments->n_values; i++)
        if (!report_option(journal, arguments, &arguments->value[i], error))
            return false;
    return true;
}

static const struct command_option options[] = {
    {.name = "note",
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "TEXT",
     .help = "A remark, shown by nj show and nj report."},
    {.name = "warning",
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "TEXT",
     .help = "Something to look at in the morning."},
    {.name = "progress",
     .type = OPTION_TEXT,
     .value = "DONE/TOTAL",
     .help = "How far it is, for the bar and the estimate of the time left."},
    {.name = "unit",
     .type = OPTION_TEXT,
     .value = "WORD",
     .help = "What --progress counts: epoch."},
    {.name = "artifact",
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "NAME=PATH",
     .help = "A file that the run leaves."},
    {0},
};

const struct command command_event = {
    .name = "event",
    .synopsis = "NAME=NUMBER... [step=N]\n[--note TEXT] [--warning TEXT] [--progress DONE/TOTAL] "
                "[--artifact NAME=PATH]",
    .help = "Report metrics, progress, notes and files from within a run.",
    .description =
        "Called by a program that Nightjar runs; it appends a line to $NIGHTJAR_EVENTS, which the "
        "program may as well do itself. Needs no daemon. A metric without a step is final.\n\n"
        "    nj event loss=0.31 step=10\n"
        "    nj event test.accuracy=0.93 --artifact model=model.pt",
    .options = options,
    .takes = ARGUMENT_TEXT,
    .max_arguments = -1,
    .run = run,
};
