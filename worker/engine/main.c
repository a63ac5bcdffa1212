/*
 * nightjar-engine: the pipeline of one experiment.
 *
 *   run DIR                                goes through the run whose spec.json lies in DIR
 *   check                                  answers lines of specs with what is wrong with them
 *   data                                   lists, cleans, verifies prepared data, as JSON asks
 *   describe                               tells what a source holds, asked in a line of JSON
 *   drift                                  tells how training rows' figures come about, alike
 *   export                                 writes prepared samples to a file, as JSON asks
 *   settings                               describes every setting of data ... evaluate
 *   predict RUN --data FILE [-o FILE] [--batch N] [--cpus N] [--compute float32|bf16x3]   a stored
 *                                                          model on new rows
 *   evaluate RUN [--metric NAME]... [--data FILE] [--json]     other figures of a stored model
 *   trace                                  tells rows of a source for a picture, alike
 *   try                                    goes through a spec once with a few rows, alike
 *   score FILE... [--metric NAME]... [--mean FILE]   files of predictions beside one another
 *   outputs                                tells for a picture how such files lie by the truth
 *   inspect RUN [--json]                   a stored model's layers, shapes, parameters, memory
 *   verify FILE...                         whether prepared data are what was written
 *   blas-check                             a product by OPENBLAS_CORETYPE's core beside plain C
 */
#include <cblas.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/owner.h"
#include "common/process.h"
#include "worker/engine/describe.h"
#include "worker/engine/drift.h"
#include "worker/engine/engine_spec.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/precision.h"
#include "worker/engine/prepared/catalogue.h"
#include "worker/engine/prepared/store.h"
#include "worker/engine/question.h"
#include "worker/engine/trace.h"

#define USAGE 2

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static int fail(const struct error *error)
{
    char text[sizeof(error->message) + sizeof(error->path) + 4];

    (void)fprintf(stderr, "error: %s\n", error_describe(error, text, sizeof(text)));
    return error_exit_status(error->kind);
}

static int usage(const char *text)
{
    (void)fprintf(stderr, "usage: nightjar-engine %s\n", text);
    return USAGE;
}

static const struct precision *precision(enum train_precision wanted)
{
    return wanted == PRECISION_FLOAT64 ? &precision_double : &precision_float;
}

/* What a stored model is computed in; what is wrong with it is told by whoever uses it. */
static const struct precision *precision_of(const char *model)
{
    enum train_precision wanted = PRECISION_FLOAT32;
    struct error ignored;

    (void)model_file_precision(model, &wanted, &ignored);
    return precision(wanted);
}

static int verb_run(int n, char **argument)
{
    struct sigaction action = {.sa_handler = ask_to_stop};
    struct error error = {0};
    bool stopped = false;

    if (n != 2)
        return usage("run DIR");
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    if (!precision_of(argument[1])->run(argument[1], &stop_asked, &stopped, &error))
        return fail(&error);
    return stopped ? PIPELINE_STOPPED : 0;
}

static int verb_check(int n, char **argument)
{
    struct error error = {0};
    bool good = false;

    (void)argument;
    if (n != 1)
        return usage("check < lines of {\"spec\":{...},\"cwd\":\"...\"}");
    if (!pipeline_check(stdin, stdout, &good, &error))
        return fail(&error);
    return good ? 0 : error_exit_status(ERROR_INVALID);
}

/* A verb that answers a line of JSON with another. */
static int answer(int n, const char *help, bool (*verb)(FILE *in, FILE *out, struct error *error))
{
    struct error error = {0};

    if (n != 1)
        return usage(help);
    return verb(stdin, stdout, &error) ? 0 : fail(&error);
}

static int verb_data(int n, char **argument)
{
    (void)argument;
    return answer(n, "data < {\"do\":\"list|clean|verify\",\"folder\":\"...\"}", catalogue_answer);
}

static int verb_describe(int n, char **argument)
{
    (void)argument;
    return answer(n, "describe < {\"data\":{...},\"cwd\":\"...\"}", describe_source);
}

static int verb_drift(int n, char **argument)
{
    (void)argument;
    return answer(n, "drift < {\"spec\":{...},\"cwd\":\"...\",\"folder\":\"...\"}", drift_answer);
}

static int verb_export(int n, char **argument)
{
    (void)argument;
    return answer(n,
                  "export < {\"spec\":{...},\"cwd\":\"...\",\"folder\":\"...\",\"output\":\"...\"}",
                  pipeline_export);
}

static int verb_outputs(int n, char **argument)
{
    (void)argument;
    return answer(n, "outputs < {\"files\":[...],\"target\":\"...\"}", pipeline_score_outputs);
}

static int verb_trace(int n, char **argument)
{
    (void)argument;
    return answer(n, "trace < {\"data\":{...},\"cwd\":\"...\",\"columns\":[...]}", trace_answer);
}

/* The line says who has to read it. */
static bool try_out(FILE *in, FILE *out, struct error *error)
{
    scoped(json_free) cJSON *question = NULL;
    scoped(buffer_release) struct buffer text = {0};
    FILE *line;
    bool done;

    if (!question_read(in, &question, error) || !json_print(question, &text, error) ||
        !buffer_append_text(&text, "\n", error))
        return false;
    line = fmemopen(text.data, text.size, "r");
    if (!line)
        return error_set(error, ERROR_NO_MEMORY, "trying a spec");
    done = precision(train_precision_of(json_member(question, "spec")))->try_out(line, out, error);
    (void)fclose(line);
    return done;
}

static int verb_try(int n, char **argument)
{
    (void)argument;
    return answer(n, "try < {\"spec\":{...},\"cwd\":\"...\",\"folder\":\"...\"}", try_out);
}

static int verb_settings(int n, char **argument)
{
    scoped(json_free) cJSON *tables = NULL;
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};
    struct error error = {0};

    (void)argument;
    if (n != 1)
        return usage("settings");
    tables = settings_describe(engine_settings);
    while (tables && tables->child) {
        cJSON *table = cJSON_DetachItemViaPointer(tables, tables->child);
        const char *name = json_text(table, "name", "");
        char copy[64];

        (void)snprintf(copy, sizeof(copy), "%s", name);
        if (!json_add_item(object, copy, &table))
            break;
    }
    if (!tables || tables->child || !json_print(object, &text, &error)) {
        (void)error_set(&error, ERROR_NO_MEMORY, "describing settings");
        return fail(&error);
    }
    return puts(text.data) < 0;
}

static bool read_count(const char *text, int64_t *ret)
{
    char *end;

    *ret = strtol(text, &end, 10);
    return end != text && !*end && *ret >= 1 && *ret <= 1 << 24;
}

static bool read_compute(const char *text, enum compute *ret)
{
    for (int i = 0; i < COMPUTE_COUNT; i++)
        if (strcmp(compute_name[i], text) == 0) {
            *ret = (enum compute)i;
            return true;
        }
    return false;
}

static int verb_predict(int n, char **argument)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},    {"output", required_argument, NULL, 'o'},
        {"batch", required_argument, NULL, 'b'},   {"cpus", required_argument, NULL, 'c'},
        {"compute", required_argument, NULL, 'p'}, {0}};
    static const char help[] = "predict RUN --data FILE [-o FILE] [--batch ROWS|auto] [--cpus N] "
                               "[--compute float32|bf16x3]";
    struct predict_request request = {.output = "-"};
    struct error error = {0};
    int option;

    opterr = 0;
    while ((option = getopt_long(n, argument, "d:o:b:c:p:", options, NULL)) != -1) {
        bool good = option != '?';

        if (option == 'd')
            request.data = optarg;
        else if (option == 'o')
            request.output = optarg;
        else if (option == 'b' && strcmp(optarg, "auto") == 0)
            request.batch = -1;
        else if (option == 'b')
            good = read_count(optarg, &request.batch);
        else if (option == 'c')
            good = read_count(optarg, &request.cpus);
        else if (option == 'p')
            good = read_compute(optarg, &request.compute);
        if (!good)
            return usage(help);
    }
    if (optind != n - 1 || !request.data)
        return usage(help);
    request.model = argument[optind];
    return precision_of(request.model)->predict(&request, &error) ? 0 : fail(&error);
}

static int verb_verify(int n, char **argument)
{
    int status = 0;

    if (n < 2)
        return usage("verify FILE...");
    for (int i = 1; i < n; i++) {
        struct error error = {0};

        if (!store_verify(argument[i], &error))
            status = fail(&error);
    }
    return status;
}

static int verb_evaluate(int n, char **argument)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"metric", required_argument, NULL, 'm'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"compute", required_argument, NULL, 'p'},
                                            {0}};
    static const char help[] =
        "evaluate RUN [--metric NAME]... [--data FILE] [--json] [--compute float32|bf16x3]";
    struct evaluate_request request = {0};
    struct error error = {0};
    int option;

    opterr = 0;
    while ((option = getopt_long(n, argument, "d:m:jp:", options, NULL)) != -1) {
        if (option == 'd')
            request.data = optarg;
        else if (option == 'j')
            request.json = true;
        else if (option == 'p' && read_compute(optarg, &request.compute))
            continue;
        else if (option == 'm' && request.n_metrics < EVALUATE_METRICS_MAX)
            request.metric[request.n_metrics++] = optarg;
        else
            return usage(help);
    }
    if (optind != n - 1)
        return usage(help);
    request.model = argument[optind];
    return precision_of(request.model)->evaluate(&request, stdout, &error) ? 0 : fail(&error);
}

static int verb_score(int n, char **argument)
{
    static const struct option options[] = {
        {"metric", required_argument, NULL, 'm'}, {"mean", required_argument, NULL, 'a'}, {0}};
    static const char help[] = "score FILE... [--metric NAME]... [--mean FILE]";
    struct score_request request = {0};
    struct error error = {0};
    int option;

    opterr = 0;
    while ((option = getopt_long(n, argument, "m:", options, NULL)) != -1) {
        if (option == 'a')
            request.mean = optarg;
        else if (option == 'm' && request.n_metrics < EVALUATE_METRICS_MAX)
            request.metric[request.n_metrics++] = optarg;
        else
            return usage(help);
    }
    if (optind == n || n - optind > SCORE_FILES_MAX)
        return usage(help);
    while (optind < n)
        request.file[request.n_files++] = argument[optind++];
    return pipeline_score(&request, stdout, &error) ? 0 : fail(&error);
}

static int verb_inspect(int n, char **argument)
{
    bool json = n == 3 && strcmp(argument[2], "--json") == 0;
    struct error error = {0};

    if (n != 2 && !json)
        return usage("inspect RUN [--json]");
    return precision_of(argument[1])->inspect(argument[1], json, stdout, &error) ? 0 : fail(&error);
}

static int verb_blas_check(int n, char **argument)
{
    bool good;

    (void)argument;
    if (n != 1)
        return usage("blas-check");
    good = precision_float.blas_is_right() && precision_double.blas_is_right();
    return printf("{\"core\":\"%s\"}\n", openblas_get_corename()) < 0 || !good;
}

int main(int n, char **argument)
{
    static const struct {
        const char *name;
        int (*run)(int n, char **argument);
    } verb[] = {
        {"blas-check", verb_blas_check}, {"check", verb_check},     {"data", verb_data},
        {"describe", verb_describe},     {"drift", verb_drift},     {"evaluate", verb_evaluate},
        {"export", verb_export},         {"inspect", verb_inspect}, {"outputs", verb_outputs},
        {"predict", verb_predict},       {"run", verb_run},         {"score", verb_score},
        {"settings", verb_settings},     {"trace", verb_trace},     {"try", verb_try},
        {"verify", verb_verify},
    };

    if (!process_have_standard_streams())
        return error_exit_status(ERROR_IO);
    /* Started by the descriptor of its binary it would be listed under that number. */
    (void)prctl(PR_SET_NAME, "nightjar-engine");
    for (size_t i = 0; n > 1 && i < sizeof(verb) / sizeof(verb[0]); i++)
        if (strcmp(argument[1], verb[i].name) == 0)
            return verb[i].run(n - 1, argument + 1);
    if (n == 2 && strcmp(argument[1], "--version") == 0)
        return printf("nightjar-engine %s\n", NIGHTJAR_VERSION) < 0;
    return usage(
        "run|check|data|describe|drift|export|trace|try|settings|predict|evaluate|score|outputs|"
        "inspect|verify|blas-check ...");
}
