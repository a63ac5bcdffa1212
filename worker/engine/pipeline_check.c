/*
 * Whether specs can run, as far as that shows without training: settings, and where the source is
 * small enough to be read in a moment the data, the split, the network.
 *
 * The lines of a sweep share most of their work: the data set of the last line is kept, and a few
 * splits of it with what was fitted on them, good or bad.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/owner.h"
#include "common/spec/spec.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/model/network.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/watch.h"

#define READ_LIMIT ((int64_t)64 * 1024 * 1024) /* bytes of a source that is looked into */
#define GZIP_RATIO 8                           /* what they may grow to */
#define ROWS_KEPT 16

struct kept_rows { /* of the data set that is kept */
    char *key;     /* owned; NULL: free */
    bool good;
    struct error error;
    struct prepared_rows rows;
    struct warning_list warnings;
};

struct checker {
    char *key; /* owned: of the data set; NULL: none */
    bool good;
    struct error error;
    struct dataset *dataset;
    struct warning_list warnings;
    struct kept_rows kept[ROWS_KEPT];
    int next; /* to be replaced */
};

struct question { /* one line */
    const cJSON *root;
    const char *cwd;
    const char *runs; /* NULL: not said */
    const char *goal; /* the metric of its sweep; NULL: none */
    uint64_t seed;
    struct engine_spec spec;
};

struct answer {
    struct diagnostics diagnostics;
    cJSON *warnings, *hints, *sources, *summary;
};

static void forget_rows(struct kept_rows *kept)
{
    free(take(&kept->key));
    prepared_rows_release(&kept->rows);
    memset(kept, 0, sizeof(*kept));
}

static void forget_dataset(struct checker *checker)
{
    for (int i = 0; i < ROWS_KEPT; i++)
        forget_rows(&checker->kept[i]);
    free(take(&checker->key));
    dataset_free(&checker->dataset);
    checker->warnings.n = 0;
}

static void checker_free(struct checker **checker)
{
    if (*checker)
        forget_dataset(*checker);
    free(take(checker));
}

static void answer_release(struct answer *answer)
{
    diagnostics_release(&answer->diagnostics);
    json_free(&answer->warnings);
    json_free(&answer->hints);
    json_free(&answer->sources);
    json_free(&answer->summary);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "checking specs");
}

/* ---- what is kept -----------------------------------------------------------------------------*/

/* What decides how the data set comes out: all of data but the numbers of the split. */
static bool dataset_key(const struct question *question, char **ret, struct error *error)
{
    scoped(json_free) cJSON *data = settings_json(data_settings, &question->spec.data);
    scoped(buffer_release) struct buffer key = {0};
    cJSON *split = data ? cJSON_GetObjectItemCaseSensitive(data, "split") : NULL;

    if (!data)
        return no_memory(error);
    cJSON_DeleteItemFromObjectCaseSensitive(data, "allow_leak");
    for (cJSON *item = split ? split->child : NULL, *next; item; item = next) {
        next = item->next;
        if (strcmp(item->string, "by") != 0 && strcmp(item->string, "group") != 0 &&
            strcmp(item->string, "column") != 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(split, item));
    }
    if (!buffer_append_format(&key, error, "%s\n", question->cwd ? question->cwd : "") ||
        !json_print(data, &key, error))
        return false;
    *ret = buffer_take(&key);
    return *ret || no_memory(error);
}

/* What decides how rows are split and what is fitted on them. */
static bool rows_key(const struct question *question, char **ret, struct error *error)
{
    scoped(json_free) cJSON *settings = settings_json(engine_settings, &question->spec);
    scoped(buffer_release) struct buffer key = {0};

    if (!settings)
        return no_memory(error);
    if (!buffer_append_format(&key, error, "%llu\n", (unsigned long long)question->seed) ||
        !json_print(json_member(settings, "data"), &key, error) ||
        !(json_member(settings, "prepare") == NULL ||
          json_print(json_member(settings, "prepare"), &key, error)))
        return false;
    *ret = buffer_take(&key);
    return *ret || no_memory(error);
}

/* The data set of the question; an error that comes of it is the spec's. */
static bool find_dataset(struct checker *checker, const struct question *question,
                         struct error *error)
{
    scoped(memory_free) char *key = NULL;

    if (!dataset_key(question, &key, error))
        return false;
    if (!checker->key || strcmp(key, checker->key) != 0) {
        forget_dataset(checker);
        checker->key = take(&key);
        checker->good = dataset_import(&question->spec.data, question->cwd, &checker->dataset,
                                       &checker->warnings, &checker->error);
    }
    if (!checker->good)
        *error = checker->error;
    return checker->good;
}

static bool find_rows(struct checker *checker, const struct question *question,
                      const struct kept_rows **ret, struct error *error)
{
    scoped(memory_free) char *key = NULL;
    struct kept_rows *kept = NULL;

    if (!rows_key(question, &key, error))
        return false;
    for (int i = 0; i < ROWS_KEPT && !kept; i++)
        if (checker->kept[i].key && strcmp(checker->kept[i].key, key) == 0)
            kept = &checker->kept[i];
    if (!kept) {
        kept = &checker->kept[checker->next];
        checker->next = (checker->next + 1) % ROWS_KEPT;
        forget_rows(kept);
        kept->key = take(&key);
        kept->good = prepared_rows_make(&question->spec, question->cwd, checker->dataset,
                                        question->seed, &kept->rows, &kept->warnings, &kept->error);
    }
    if (!kept->good)
        *error = kept->error;
    *ret = kept;
    return kept->good;
}

/* ---- one line ---------------------------------------------------------------------------------*/

static bool add_file(const char *path, const char *setting, cJSON *sources, int64_t *size,
                     struct error *error)
{
    size_t length = strlen(path);
    bool packed = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    struct stat status;
    cJSON *item = cJSON_CreateString(path);

    if (!item || !cJSON_AddItemToArray(sources, item))
        return no_memory(error);
    if (stat(path, &status) != 0)
        return error_set_at(error, ERROR_INVALID, setting, "%s: %s", path, strerror(errno));
    *size += status.st_size * (packed ? GZIP_RATIO : 1);
    return true;
}

static bool add_source(const struct question *question, cJSON *sources, int64_t *ret_size,
                       struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};

    *ret_size = 0;
    if (!data_files_find(&question->spec.data, question->cwd, &files, error))
        return false;
    for (size_t i = 0; i < files.n; i++)
        if (!add_file(files.path[i], "data.source", sources, ret_size, error))
            return false;
    for (size_t i = 0; i < files.n_joined; i++)
        if (!add_file(files.joined[i], "data.join", sources, ret_size, error))
            return false;
    return split_sources(&question->spec.data, question->cwd, sources, error);
}

static bool add_warnings(cJSON *list, const struct warning_list *warnings)
{
    for (int i = 0; i < warnings->n; i++) {
        const struct warning *warning = &warnings->item[i];
        char text[sizeof(struct warning) + 2];
        cJSON *item;

        (void)snprintf(text, sizeof(text), "%s%s%s", warning->where, warning->where[0] ? ": " : "",
                       warning->text);
        item = cJSON_CreateString(text);
        if (!item || !cJSON_AddItemToArray(list, item))
            return false;
    }
    return true;
}

static int64_t dataset_bytes(const struct dataset *dataset)
{
    int64_t of_row = dataset->n_features * (int64_t)sizeof(float) + (int64_t)sizeof(uint64_t) +
                     (dataset->label ? (int64_t)sizeof(int32_t) : 0);

    return dataset->n_rows * of_row +
           (dataset->label
                ? 0
                : dataset_target_rows(dataset) * dataset->n_targets * (int64_t)sizeof(double));
}

static bool summarise(const struct dataset *dataset, const struct prepared_rows *rows,
                      int64_t parameters, int64_t memory, bool leaks, cJSON *summary)
{
    const struct preparation *preparation = rows->preparation;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(summary, split_part_name[i], rows->split.split.part[i].n))
            return false;
    return json_add_integer(summary, "rows", dataset->n_rows) &&
           json_add_integer(summary, "features", preparation->width) &&
           json_add_integer(summary, "classes", preparation->n_classes) &&
           json_add_text(summary, "task",
                         preparation->task == TASK_REGRESSION ? "regression" : "classification") &&
           json_add_integer(summary, "parameters", parameters) &&
           json_add_integer(summary, "memory_bytes", memory + dataset_bytes(dataset)) &&
           (!leaks || json_add_text(summary, "mark", "LEAK"));
}

/* Sizes from half the batch to twice it that leave no last one that is shorter: "54, 66, 99". */
static bool list_divisors(int64_t rows, int64_t batch, struct buffer *out, struct error *error)
{
    for (int64_t size = (batch + 1) / 2; size <= 2 * batch && size <= rows; size++)
        if (rows % size == 0 &&
            !buffer_append_format(out, error, "%s%" PRId64, out->size ? ", " : "", size))
            return false;
    return true;
}

/* What becomes of an epoch's last rows, and which batches would come out even. */
static bool hint_batches(const struct question *question, const struct prepared_rows *rows,
                         cJSON *hints, struct error *error)
{
    const struct train_config *config = &question->spec.train;
    int64_t n = rows->training.part[SPLIT_TRAIN].n, batch = config->batch, left = n % batch;
    scoped(buffer_release) struct buffer divisors = {0}, text = {0};

    if (model_kind_of(&question->spec.model)->whole || left == 0 || n < batch)
        return true;
    if (!list_divisors(n, batch, &divisors, error) ||
        !buffer_append_format(&text, error,
                              "train.batch: %" PRId64 " training %s are %" PRId64
                              " batches of %" PRId64 " and %" PRId64 " more, which are %s; %s%s",
                              n, rows->samples->window ? "windows" : "rows", n / batch, batch, left,
                              config->last_batch == LAST_BATCH_DROP  ? "left out of each epoch"
                              : config->last_batch == LAST_BATCH_PAD ? "filled up with others"
                                                                     : "a shorter last batch",
                              divisors.size ? "even: " : "no size near it comes out even",
                              divisors.size ? divisors.data : ""))
        return false;
    return cJSON_AddItemToArray(hints, cJSON_CreateString(text.data)) || no_memory(error);
}

static bool check_logits(const struct question *question, enum task task, struct error *error)
{
    const struct engine_spec *spec = &question->spec;
    bool wanted = spec->train.logits > 0 || spec->evaluate.logits;

    return !wanted ||
           (task == TASK_CLASSIFICATION && model_kind_of(&spec->model) == &model_network) ||
           error_set_at(error, ERROR_INVALID,
                        spec->train.logits > 0 ? "train.logits" : "evaluate.logits",
                        "only networks that tell classes apart have them");
}

static bool check_training(struct question *question, const struct prepared_rows *rows,
                           struct error *error)
{
    const struct split *split = &rows->split.split;
    const struct sample_set *set = &rows->samples->set;
    scoped(told_release) struct told train = {0}, valid = {0};
    scoped(watch_release) struct watch watch = {0};
    const struct kind_choices *metrics = &question->spec.evaluate.metrics;
    const struct loss_task task = pipeline_loss_task(rows->preparation);
    struct train_config *config = &question->spec.train;
    struct distribution_shape shape;

    return check_logits(question, rows->preparation->task, error) &&
           train_complete(config, rows->preparation->task, error) &&
           (model_kind_of(&question->spec.model)->whole ||
            train_check_batch(config, split->part[SPLIT_TRAIN].n, error)) &&
           loss_fit(&config->loss, set, &split->part[SPLIT_TRAIN], error) &&
           loss_shape(&config->loss, &task, &shape, error) &&
           metric_check(metrics, rows->preparation->task, &shape, "evaluate.metrics", error) &&
           told_open(set, &split->part[SPLIT_TRAIN], &train, error) &&
           told_open(set, &split->part[SPLIT_VALID], &valid, error) &&
           watch_init(&watch, &config->early_stopping, metrics, set, &shape, train.rows, valid.rows,
                      error) &&
           (!question->goal || pipeline_check_goal(&question->spec, rows, &shape, watch.metric,
                                                   question->goal, error));
}

/* How long the training will take, where experiments before it tell: "expected_s", "expected". */
static bool add_expected(const struct question *question, const struct prepared_rows *rows,
                         int64_t parameters, cJSON *summary, struct error *error)
{
    const char *given = getenv("NIGHTJAR_DATA"), *runs = question->runs;
    size_t home = runs ? strlen(runs) : 0;
    scoped(buffer_release) struct buffer folder = {0};
    struct pace_guess guess;
    struct pace_work work;
    char why[PACE_TEXT_SIZE];

    if (model_kind_of(&question->spec.model)->single || home < 5)
        return true;
    if (!(given && *given ? buffer_append_text(&folder, given, error)
                          : buffer_append(&folder, runs, home - 4, error) &&
                                buffer_append_text(&folder, "data", error)) ||
        !pipeline_work(&question->spec, rows->preparation, rows->training.part[SPLIT_TRAIN].n,
                       parameters, &work, error) ||
        !paces_guess(folder.data, &work, &guess, error))
        return false;
    return guess.experiment == 0 ||
           (json_add_number(summary, "expected_s",
                            pipeline_expected_s(&question->spec.train, &guess)) &&
            json_add_text(summary, "expected", pace_text(&guess, why))) ||
           no_memory(error);
}

/* Whether the models that are named are about the same, and have seen the rows that are kept for
 * figures. */
static bool check_models(const struct question *question, const struct prepared_rows *rows,
                         const struct model_files *others, struct answer *answer, bool *ret_leaks,
                         struct error *error)
{
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));
    struct seen_counts counts = {0};

    if (!warnings)
        return no_memory(error);
    if (!pipeline_compare_names(&question->spec, others, rows->preparation, warnings, error))
        return false;
    if (!add_warnings(answer->warnings, warnings))
        return no_memory(error);
    if (others->n > 0 && !pipeline_count_seen(&question->spec, rows->samples, &rows->split.split,
                                              others, &counts, error))
        return false;
    *ret_leaks = rows->split.n_shared_rows > 0 || seen_leaks(&counts) > 0;
    return pipeline_refuse_seen(&question->spec, &counts, error);
}

/* Reads the data, splits them, measures the network. */
static bool look_inside(struct checker *checker, struct question *question,
                        const struct model_files *others, struct answer *answer,
                        struct error *error)
{
    const struct kept_rows *kept;
    struct model_plan plan;
    int64_t parameters, memory;
    bool leaks;

    if (!find_dataset(checker, question, error) || !find_rows(checker, question, &kept, error))
        return false;
    if (!add_warnings(answer->warnings, &checker->warnings) ||
        !add_warnings(answer->warnings, &kept->warnings))
        return no_memory(error);
    if (!check_training(question, &kept->rows, error) ||
        !check_models(question, &kept->rows, others, answer, &leaks, error) ||
        !hint_batches(question, &kept->rows, answer->hints, error))
        return false;
    plan = pipeline_plan(&question->spec, kept->rows.preparation, question->seed, true);
    if (!model_measure(&plan, &parameters, &memory, error))
        return false;
    if (!summarise(checker->dataset, &kept->rows, parameters, memory, leaks, answer->summary))
        return no_memory(error);
    return add_expected(question, &kept->rows, parameters, answer->summary, error);
}

/* What can be said of a source that takes too long to read. */
static bool look_from_outside(const struct question *question, struct error *error)
{
    return !question->goal ||
           pipeline_check_goal(&question->spec, NULL, NULL, NULL, question->goal, error);
}

static bool examine(struct checker *checker, struct question *question, struct answer *answer,
                    struct error *error)
{
    scoped(model_files_release) struct model_files others = {0};
    int64_t size = 0;

    if (!spec_check_keys(question->root, &answer->diagnostics) && answer->diagnostics.n == 0)
        return no_memory(error);
    if (!engine_spec_parse(question->root, false, &question->spec, &answer->diagnostics))
        return true;
    if (add_source(question, answer->sources, &size, error) &&
        pipeline_find_others(&question->spec, question->root, question->cwd, question->runs,
                             &others, error) &&
        (size > READ_LIMIT ? look_from_outside(question, error)
                           : look_inside(checker, question, &others, answer, error)))
        return true;
    if (error->kind == ERROR_NO_MEMORY)
        return false;
    diagnostics_add(&answer->diagnostics, error->path, "%s", error->message);
    return true;
}

static bool print_answer(struct answer *answer, FILE *out, struct error *error)
{
    scoped(json_free) cJSON *line = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};
    cJSON *diagnostics = diagnostics_json(&answer->diagnostics);

    if (!json_add_item(line, "diagnostics", &diagnostics) ||
        !json_add_item(line, "warnings", &answer->warnings) ||
        !json_add_item(line, "hints", &answer->hints) ||
        !json_add_item(line, "sources", &answer->sources) ||
        !json_add_item(line, "summary", &answer->summary))
        return no_memory(error);
    if (!json_print(line, &text, error))
        return false;
    if (fprintf(out, "%s\n", text.data) < 0)
        return error_set_errno(error, errno, "writing the answer");
    return true;
}

static bool answer_line(struct checker *checker, const cJSON *line, FILE *out, bool *good,
                        struct error *error)
{
    scoped(answer_release) struct answer answer = {.warnings = cJSON_CreateArray(),
                                                   .hints = cJSON_CreateArray(),
                                                   .sources = cJSON_CreateArray(),
                                                   .summary = cJSON_CreateObject()};
    struct question question = {.root = json_member(line, "spec"),
                                .cwd = json_text(line, "cwd", NULL),
                                .runs = json_text(line, "runs", NULL),
                                .goal = json_text(line, "goal", NULL)};
    bool answered;

    if (!answer.warnings || !answer.hints || !answer.sources || !answer.summary)
        return no_memory(error);
    if (!cJSON_IsObject(question.root))
        return error_set(error, ERROR_INVALID, "a line has no spec");
    question.seed = (uint64_t)json_integer(line, "seed", json_integer(question.root, "seed", 0));
    answered = examine(checker, &question, &answer, error);
    engine_spec_release(&question.spec);
    if (!answered)
        return false;
    *good = *good && answer.diagnostics.n == 0;
    return print_answer(&answer, out, error);
}

bool pipeline_check(FILE *in, FILE *out, bool *ret_good, struct error *error)
{
    scoped(checker_free) struct checker *checker = calloc(1, sizeof(*checker));
    scoped(memory_free) char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    bool good = true;

    if (!checker)
        return no_memory(error);
    while ((size = getline(&text, &capacity, in)) > 0) {
        scoped(json_free) cJSON *line = NULL;

        if (strspn(text, " \t\r\n") == (size_t)size)
            continue;
        if (!json_parse(text, (size_t)size, &line, error) ||
            !answer_line(checker, line, out, &good, error))
            return false;
    }
    if (ferror(in) || fflush(out) != 0)
        return error_set_errno(error, errno, "checking specs");
    *ret_good = good;
    return true;
}
