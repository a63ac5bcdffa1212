/* nj check: is a spec good, and what would it do? */
#include "client/client.h"
#include "client/command/data_request.h"
#include "client/render.h"
#include "client/spec_check.h"
#include "client/submission.h"

#include "common/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that cannot be read is a problem of that file; the others are still looked at. */
static bool check_file(const struct arguments *arguments, const char *path,
                       struct spec_check *ret_check, struct error *error)
{
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *params = NULL;

    return spec_file_read(path, &file, error) &&
           submission_of_file(arguments, file, &params, error) &&
           spec_check(params, file, ret_check, error);
}

static void print_range(const struct spec_range *range, const char *what,
                        const char *(*print)(double value, char *buffer))
{
    char text[2 * RENDER_NUMBER_SIZE + 8], low[RENDER_NUMBER_SIZE], high[RENDER_NUMBER_SIZE];

    if (range->low > range->high || range->high == 0) /* a regression has no classes */
        return;
    if (range->low == range->high)
        snprintf(text, sizeof(text), "%s", print(range->low, low));
    else
        snprintf(text, sizeof(text), "%s to %s", print(range->low, low), print(range->high, high));
    printf(", %s%.*s", text,
           (int)strlen(what) - (range->high == 1 && what[strlen(what) - 1] == 's'), what);
}

static const char *print_count(double value, char *buffer)
{
    snprintf(buffer, RENDER_NUMBER_SIZE, "%.0f", value);
    return buffer;
}

#define WORTH_TELLING_S 10.0

/* A run alone: how many of them run at a time the queue decides. */
static void print_expected(const struct spec_check *check)
{
    const struct spec_range *range = &check->expected_s;
    char low[RENDER_NUMBER_SIZE], high[RENDER_NUMBER_SIZE];
    bool one;

    if (range->low > range->high || range->high < WORTH_TELLING_S)
        return;
    render_duration(range->low, low);
    render_duration(range->high, high);
    one = strcmp(low, high) == 0;
    printf("%s: a run takes about %s%s%s at most (%s)\n", check->name, one ? "" : low,
           one ? "" : " to ", high, check->expected);
}

static void print_summary(const struct spec_check *check)
{
    bool one = check->n_experiments == 1;

    printf("%s: good: %lld experiment%s", check->name, (long long)check->n_experiments,
           one ? "" : "s");
    if (check->n_checked && !one)
        printf(" of %s%lld configuration%s", check->all_checked ? "" : "more than ",
               (long long)check->n_checked, check->n_checked == 1 ? "" : "s");
    print_range(&check->rows, " rows", print_count);
    print_range(&check->features, " features", print_count);
    print_range(&check->classes, " classes", print_count);
    print_range(&check->parameters, " parameters", print_count);
    print_range(&check->memory_bytes, " of memory", render_bytes);
    putchar('\n');
    print_expected(check);
    if (!check->all_checked)
        printf("%s: only the first %d configurations were checked\n", check->name,
               SPEC_CHECK_CONFIGURATIONS_LIMIT);
}

static bool tell(const struct spec_check *check, bool json, struct error *error)
{
    scoped(json_free) cJSON *object = NULL;

    if (json) {
        object = spec_check_json(check);
        if (!object)
            return error_set(error, ERROR_NO_MEMORY, "checking %s", check->name);
        return client_print_json(object, error);
    }
    fflush(stdout);
    spec_check_print_problems(check, stderr);
    spec_check_print_warnings(check, stderr);
    if (check->n_problems == 0) {
        print_summary(check);
        spec_check_print_hints(check, stdout);
    }
    return true;
}

/* From import to predictions with a few rows, as the first run would. */
static bool try_first(struct client *client, const struct spec_check *check, struct error *error)
{
    scoped(json_free) cJSON *request = NULL;
    scoped(json_free) cJSON *answer = NULL;
    char text[RENDER_NUMBER_SIZE];
    int before = client->exit_status; /* of other files */

    if (!check->first)
        return true;
    if (!json_parse(check->first, strlen(check->first), &request, error) ||
        !data_request_add_folder(request, error) ||
        !data_request_ask(client, "try", request, &answer, error))
        return false;
    client->exit_status = client->exit_status ? client->exit_status : before;
    if (answer && !arguments_flag(&client->arguments, "json"))
        printf("%s: tried in %s: every stage of the first configuration runs\n", check->name,
               render_duration(json_number(answer, "seconds", 0), text));
    return true;
}

/* What is wrong with the text itself, told as any other problem. */
static void as_problem(const struct error *failure, const char *path, struct spec_problem *problem,
                       struct spec_check *check)
{
    bool own = failure->path[0] && strcmp(failure->path, path) == 0;

    *problem = (struct spec_problem){.line = failure->line};
    snprintf(problem->message, sizeof(problem->message), "%.*s", (int)sizeof(problem->message) - 1,
             failure->message);
    snprintf(problem->path, sizeof(problem->path), "%s", own ? "" : failure->path);
    *check = (struct spec_check){.problem = problem, .n_problems = 1, .all_checked = true};
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    bool json = arguments_flag(arguments, "json");

    for (size_t i = 0; i < arguments->n_arguments; i++) {
        const char *path = arguments->argument[i];
        scoped(spec_check_release) struct spec_check check = {0};
        struct error failure = {0};

        if (!check_file(arguments, path, &check, &failure)) {
            struct spec_problem *problem = malloc(sizeof(*problem));

            if ((failure.kind != ERROR_INVALID && failure.kind != ERROR_NOT_FOUND) || !problem) {
                free(problem);
                *error = failure;
                return false;
            }
            as_problem(&failure, path, problem, &check);
            check.name = strdup(strcmp(path, "-") == 0 ? "<stdin>" : path);
        }
        if (check.n_problems)
            client->exit_status = error_exit_status(ERROR_INVALID);
        if (!tell(&check, json, error) ||
            (check.n_problems == 0 && arguments_flag(arguments, "try") &&
             !try_first(client, &check, error)))
            return false;
    }
    return true;
}

static const struct command_option options[] = {
    {.name = "json", .help = "Print one line of JSON for each file."},
    {.name = "set",
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "PATH=VALUE",
     .help = "Put a value into the spec first, as in train.epochs=5."},
    {.name = "try",
     .help = "Also go through all stages of the first configuration, with two batches and a few "
             "rows of each part."},
    {0},
};

const struct command command_check = {
    .name = "check",
    .synopsis = "FILE... [--set PATH=VALUE]... [--try] [--json]",
    .help = "Tell everything that is wrong with a spec, or what it would do.",
    .description =
        "Each problem is one line with the file's line and the setting's path; the exit status is "
        "2 then. Sweeps are expanded, data are looked at; nothing is queued, and no daemon is "
        "needed. A file - is standard input.\n\n"
        "    nj check examples/vowels.yaml --set train.epochs=5\n\n"
        "How long a run takes is known where experiments alike have run on this machine: the same "
        "kinds of layers and steps; other numbers of rows and parameters are scaled, and said.\n\n"
        "With --try what would fail at the end of a night fails at once: data are imported (and "
        "stay prepared), two batches trained, metrics measured, files written, in a folder that "
        "vanishes.",
    .options = options,
    .takes = ARGUMENT_FILE,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
