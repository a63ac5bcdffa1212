/* nj submit: queues an experiment, a batch or a command. */
#include "client/launch.h"
#include "client/select.h"
#include "client/spec_check.h"
#include "client/submission.h"
#include "client/submission_send.h"
#include "client/wait.h"

#include "common/buffer.h"
#include "common/owner.h"
#include "common/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --after 3-9,last goes into queue.after. */
static bool set_dependencies(struct client *client, cJSON *params, const char *option,
                             const char *path, struct error *error)
{
    const char *text = arguments_text(&client->arguments, option, NULL);
    scoped(json_free) cJSON *words = NULL;

    if (!text)
        return true;
    return (select_words(client, text, &words, error) &&
            submission_set(params, path, words, error)) ||
           error_wrap(error, "--%s", option);
}

static bool from_file(struct client *client, struct spec_file **ret_file, cJSON **ret_params,
                      struct error *error)
{
    const char *path = client->arguments.argument[0];
    scoped(spec_file_free) struct spec_file *file = NULL;

    if (strcmp(path, "-") != 0 && access(path, F_OK) != 0)
        return error_set(error, ERROR_INVALID,
                         "%s: no such file; a command goes after --: nj submit -- %s ...", path,
                         path);
    if (!spec_file_read(path, &file, error) ||
        !submission_of_file(&client->arguments, file, ret_params, error))
        return false;
    *ret_file = take(&file);
    return true;
}

/* *ret_file: NULL for a command line. */
static bool prepare(struct client *client, struct spec_file **ret_file, cJSON **ret_params,
                    struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *params = NULL;

    if (arguments->program && arguments->n_arguments)
        return error_set(error, ERROR_INVALID, "submit takes a file or a command, not both");
    if (arguments->program ? !submission_of_program(arguments, &params, error)
                           : !from_file(client, &file, &params, error))
        return false;
    if (!submission_set_options(arguments, params, error) ||
        !set_dependencies(client, params, "after", "queue.after", error) ||
        !set_dependencies(client, params, "after-ok", "queue.after_ok", error))
        return false;
    *ret_file = take(&file);
    *ret_params = take(&params);
    return true;
}

/* Of a batch of commands the engine has nothing to say, and the daemon, which has to expand it too,
 * finds the same mistakes before it stores anything. */
static bool is_for_daemon_alone(const cJSON *params)
{
    const cJSON *base = json_member(params, "base"), *delta;
    const cJSON *deltas = json_member(base, "experiments");

    if (json_member(base, "command"))
        return deltas || json_member(base, "sweep");
    cJSON_ArrayForEach(delta, deltas)
    {
        if (!json_member(delta, "command"))
            return false;
    }
    return deltas != NULL;
}

/* Everything that is wrong is told before anything is sent; what the engine read is remembered as
 * it is now. */
static bool check(cJSON *params, const struct spec_file *file, bool *ret_good, struct error *error)
{
    scoped(spec_check_release) struct spec_check check = {0};
    const cJSON *source;

    if (!spec_check(params, file, &check, error))
        return false;
    spec_check_print_problems(&check, stderr);
    spec_check_print_warnings(&check, stderr);
    *ret_good = check.n_problems == 0;
    cJSON_ArrayForEach(source, check.sources)
    {
        if (cJSON_IsString(source) && !submission_fingerprint(params, source->valuestring, error))
            return false;
    }
    return true;
}

/* What the daemon found wrong, with the file's lines where there is one. */
static bool tell_refusal(struct client *client, const struct spec_file *file)
{
    const cJSON *problems = json_member(connection_refusal(client->connection), "diagnostics");
    const cJSON *problem;

    cJSON_ArrayForEach(problem, problems)
    {
        const char *path = json_text(problem, "path", "");
        int line = file ? spec_file_line(file, path) : 0;
        char where[32] = "";

        if (line > 0)
            snprintf(where, sizeof(where), "%d:", line);
        client_message("%s%s%s%s%s%s%s", file ? file->name : "", file ? ":" : "", where,
                       file ? " " : "", path, *path ? ": " : "", json_text(problem, "message", ""));
    }
    return cJSON_GetArraySize(problems) > 0;
}

static bool select_batch(const cJSON *reply, cJSON **ret_select, struct error *error)
{
    scoped(json_free) cJSON *select = cJSON_CreateObject();
    cJSON *batches = select ? json_add_array(select, "batch") : NULL;

    if (!batches ||
        !cJSON_AddItemToArray(batches, cJSON_CreateNumber(json_number(reply, "batch", 0))))
        return error_set(error, ERROR_NO_MEMORY, "waiting");
    *ret_select = take(&select);
    return true;
}

/* Words and the numbers that stand between them. */
static bool append_number(struct buffer *line, const char *words, const cJSON *reply,
                          const char *member, struct error *error)
{
    return buffer_append_text(line, words, error) &&
           buffer_append_integer(line, json_integer(reply, member, 0), error);
}

static bool print_line(const cJSON *reply, struct error *error)
{
    scoped(buffer_release) struct buffer line = {0};

    if (!append_number(&line, "submitted ", reply, "first", error))
        return false;
    if (json_integer(reply, "last", 0) != json_integer(reply, "first", 0) &&
        (!append_number(&line, "-", reply, "last", error) ||
         !append_number(&line, ": ", reply, "count", error) ||
         !append_number(&line, " experiments, batch ", reply, "batch", error)))
        return false;
    return buffer_append(&line, "\n", 1, error) && client_print_line(line.data, line.size, error);
}

static bool print_reply(const struct arguments *arguments, const cJSON *reply, struct error *error)
{
    int64_t last = json_integer(reply, "last", 0);

    if (arguments_flag(arguments, "json"))
        return client_print_json(reply, error);
    if (!arguments_flag(arguments, "parsable"))
        return print_line(reply, error);
    for (int64_t id = json_integer(reply, "first", 0); id <= last; id++)
        printf("%lld\n", (long long)id);
    return true;
}

static void warn_of_reply(const cJSON *reply)
{
    const cJSON *large = json_member(reply, "too_large");
    long long count = (long long)json_integer(large, "count", 0);
    long long id = (long long)json_integer(large, "id", 0);
    const char *reason = json_text(large, "reason", "");

    if (count == 1)
        client_message("%lld: %s", id, reason);
    else if (count > 1)
        client_message("%lld and %lld more: %s", id, count - 1, reason);
    if (launch_ends_with_session())
        client_message("the daemon ends when you log out; 'loginctl enable-linger' keeps it");
}

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *params = NULL, *reply = NULL;
    cJSON *select = NULL;
    bool good = true;

    if (arguments->program)
        client_wake_daemon(client);
    if (!prepare(client, &file, &params, error))
        return false;
    if (file && !is_for_daemon_alone(params) && !check(params, file, &good, error))
        return false;
    if (!good) {
        client->exit_status = error_exit_status(ERROR_INVALID);
        return true;
    }
    if (!submission_add_context(params, error))
        return false;
    if (!submission_send(client, &params, &reply, error)) {
        client->exit_status = error_exit_status(error->kind);
        return tell_refusal(client, file);
    }
    if (!print_reply(arguments, reply, error))
        return false;
    warn_of_reply(reply);
    if (!arguments_flag(arguments, "wait"))
        return true;
    fflush(stdout);
    return select_batch(reply, &select, error) && wait_run(client, &select, -1, error);
}

static const struct command_option options[] = {
    {.name = "set",
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "PATH=VALUE",
     .help = "Change the spec: train.epochs=20, model[0].units=64; the value is read as YAML."},
    {.name = "name", .type = OPTION_TEXT, .value = "NAME", .help = "What it is called."},
    {.name = "question",
     .type = OPTION_TEXT,
     .value = "TEXT",
     .help = "What the batch is to answer; shown in the report."},
    {.name = "expectation",
     .type = OPTION_TEXT,
     .value = "TEXT",
     .help = "What you expect it to answer; shown beside the outcome."},
    SUBMISSION_OPTION_PRIORITY,
    {.name = "hold", .help = "Keep it from starting until nj release."},
    {.name = "after",
     .type = OPTION_TEXT,
     .value = "IDS",
     .help = "Start when these have ended, however they end."},
    {.name = "after-ok",
     .type = OPTION_TEXT,
     .value = "IDS",
     .help = "Start when these are done; skipped where one of them fails."},
    SUBMISSION_OPTIONS_RESOURCES,
    {.name = "seed",
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 0,
     .high = 9007199254740991.0,
     .help = "Of all randomness."},
    {.name = "on-finish",
     .type = OPTION_TEXT,
     .value = "COMMAND",
     .help = "A shell command to run when the batch has ended, where it was submitted, with "
             "NIGHTJAR_BATCH, NIGHTJAR_DONE and NIGHTJAR_FAILED set; what it prints is kept in "
             "on_finish/ of the home."},
    {.name = "wait", .letter = 'w', .help = "Wait until it has ended; exit with its verdict."},
    {.name = "quiet", .letter = 'q', .help = "With --wait: draw no progress."},
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print the ids, one a line, and nothing else."},
    {0},
};

const struct command command_submit = {
    .name = "submit",
    .alias = "add",
    .synopsis = "FILE.yaml [options]\n[options] -- COMMAND...",
    .help = "Queue an experiment, a batch, a sweep or a command.",
    .description =
        "FILE holds one experiment, a list of them, or one with sweep: or experiments: in YAML or "
        "JSON; - is standard input. Relative paths in it begin at its folder, and its experiments "
        "run there. A pipeline is checked first, as by nj check. What the options say wins over "
        "the file.\n\n"
        "A command runs in the working directory, with this environment; the files on its command "
        "line are remembered, and a change before it starts becomes a warning.\n\n"
        "Once the ids are printed the submission is on disk.\n\n"
        "    nj submit examples/digits.yaml --set train.epochs=20 --wait\n"
        "    nj submit --cpus 2 --time 3h -- python3 train.py --rate 0.1\n"
        "    nj submit --after-ok last -- ./evaluate.sh",
    .options = options,
    .takes = ARGUMENT_FILE,
    .min_arguments = 1,
    .max_arguments = 1,
    .takes_program = true,
    .run = run,
};
