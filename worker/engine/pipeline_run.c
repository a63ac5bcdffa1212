/*
 * One run: spec.json in, reported.jsonl and artifacts out.
 *
 * Artifacts are on disk before the final metrics are told, and those are synced before the run
 * ends, so that a result that was taken in has its files.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/earlier_runs.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/metric/bootstrap.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/prepared/looks.h"
#include "worker/engine/prepared/store.h"
#include "worker/engine/report.h"
#include "worker/engine/stages.h"

#define SPEC_FILE_LIMIT ((size_t)64 * 1024 * 1024)

struct run {
    const char *folder; /* borrowed */
    bool stored;        /* looked into, perhaps while another process runs it */
    const volatile sig_atomic_t *stop;
    cJSON *file; /* owned: spec.json */
    const cJSON *root;
    const char *cwd;
    uint64_t seed;
    int64_t parts;                /* of a batch; 0: as the spec says */
    int64_t sample;               /* samples that are left of each part; 0: all */
    char *artifacts, *checkpoint; /* owned */
    char *runs;                   /* owned: the folder of all experiments' runs */
    struct engine_spec spec;
    struct dataset *dataset;
    struct prepared_rows rows;
    struct model *model;
    struct stages stages;
};

static void run_release(struct run *run)
{
    model_free(&run->model);
    prepared_rows_release(&run->rows);
    dataset_free(&run->dataset);
    engine_spec_release(&run->spec);
    free(run->artifacts);
    free(run->checkpoint);
    free(run->runs);
    json_free(&run->file);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "running the pipeline");
}

/* ---- what is to be done -----------------------------------------------------------------------*/

/* What the worker says in the environment is about the run that it started, no other one. */
static bool choose_folder(const struct run *run, const char *variable, const char *name, char **ret,
                          struct error *error)
{
    const char *given = run->stored ? NULL : getenv(variable), *folder = run->folder;

    if ((given && *given ? asprintf(ret, "%s", given) : asprintf(ret, "%s/%s", folder, name)) < 0) {
        *ret = NULL;
        return no_memory(error);
    }
    return run->stored || file_make_folders(*ret, error);
}

static bool tell_diagnostics(const struct diagnostics *diagnostics, struct error *error)
{
    const struct diagnostic *first = diagnostics->n ? &diagnostics->item[0] : NULL;

    if (!first)
        return no_memory(error);
    for (size_t i = 1; i < diagnostics->n; i++)
        (void)fprintf(stderr, "%s: %s\n", diagnostics->item[i].path, diagnostics->item[i].message);
    return error_set_at(error, ERROR_INVALID, first->path, "%s", first->message);
}

static bool read_spec(struct run *run, struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(buffer_release) struct buffer path = {0};
    scoped(memory_free) char *text = NULL;
    size_t size;

    if (!buffer_append_format(&path, error, "%s/spec.json", run->folder) ||
        !file_read(AT_FDCWD, path.data, SPEC_FILE_LIMIT, &text, &size, error))
        return false;
    if (!json_parse(text, size, &run->file, error))
        return error_wrap(error, "%s", path.data);
    run->root = json_member(run->file, "spec");
    if (json_integer(run->file, "v", 0) != 1 || !cJSON_IsObject(run->root))
        return error_set(error, ERROR_INVALID, "%s: is no spec of version 1", path.data);
    run->cwd = json_text(run->file, "cwd", NULL);
    run->seed = (uint64_t)json_integer(run->file, "seed", json_integer(run->root, "seed", 0));
    if (!engine_spec_parse(run->root, false, &run->spec, &diagnostics))
        return tell_diagnostics(&diagnostics, error);
    return choose_folder(run, "NIGHTJAR_ARTIFACTS", "artifacts", &run->artifacts, error) &&
           choose_folder(run, "NIGHTJAR_CHECKPOINT", "../checkpoint", &run->checkpoint, error);
}

/* ---- artifacts --------------------------------------------------------------------------------*/

static bool artifact_path(const struct run *run, const char *name, struct buffer *ret,
                          struct error *error)
{
    return buffer_append_format(ret, error, "%s/%s", run->artifacts, name);
}

static bool report_file(const char *name, const char *file, struct error *error)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "artifacts/%s", file);
    return report_artifact(name, path, error);
}

static bool write_split(const struct run *run, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};

    return artifact_path(run, "split.json", &path, error) &&
           split_write(&run->rows.split, run->dataset, path.data, error) &&
           report_file("split", "split.json", error);
}

static cJSON *provenance(const struct run *run)
{
    scoped(json_free) cJSON *json = cJSON_CreateObject();
    char identity[KERNEL_IDENTITY_SIZE];

    if (!json_add_text(json, "version", NIGHTJAR_VERSION) ||
        !json_add_integer(json, "experiment", json_integer(run->file, "id", 0)) ||
        !json_add_integer(json, "run", json_integer(run->file, "run", 0)) ||
        !json_add_text(json, "name", json_text(run->file, "name", NULL)) ||
        !json_add_integer(json, "seed", (int64_t)run->seed) ||
        !json_add_text(json, "source", run->dataset->path) ||
        !json_add_integer(json, "rows", run->dataset->n_rows) ||
        !json_add_integer(json, "train_rows", run->rows.split.split.part[SPLIT_TRAIN].n) ||
        !json_add_text(json, "machine", kernel_identity(kernel_pick(), identity)) ||
        !json_add_integer(json, "created", (int64_t)time(NULL)))
        return NULL;
    return take(&json);
}

static bool write_model_as(const struct run *run, const char *name, struct error *error)
{
    scoped(json_free) cJSON *spec = settings_json(engine_settings, &run->spec);
    scoped(json_free) cJSON *origin = provenance(run);
    scoped(buffer_release) struct buffer path = {0};

    if (!spec || !origin)
        return no_memory(error);
    return artifact_path(run, name, &path, error) &&
           model_file_write(path.data, run->model, spec, run->rows.preparation, origin, error);
}

/* Names are those of the run's own folder: nothing of another run is overwritten. */
static bool write_snapshot(void *context, int64_t epoch, int64_t batch, struct error *error)
{
    const struct run *run = context;
    scoped(buffer_release) struct buffer folder = {0};
    char name[96];

    (void)snprintf(name, sizeof(name), "snapshots/epoch_%03lld_batch_%05lld.h5", (long long)epoch,
                   (long long)batch);
    return artifact_path(run, "snapshots", &folder, error) &&
           file_make_folders(folder.data, error) && write_model_as(run, name, error);
}

static bool write_model(const struct run *run, struct error *error)
{
    return write_model_as(run, "model.h5", error) && report_file("model", "model.h5", error);
}

static bool write_probabilities(struct model *model, const struct samples *samples,
                                const struct row_list *list, const int64_t *row, int64_t n,
                                struct buffer *out, struct error *error)
{
    return pipeline_write_predictions(model, samples, list, row, n, 0, true, out, error);
}

/* artifacts/<name>.csv: of each row that the part's samples tell. */
static bool write_table(const struct run *run, const struct row_list *part, const char *name,
                        bool (*write)(struct model *model, const struct samples *samples,
                                      const struct row_list *list, const int64_t *row, int64_t n,
                                      struct buffer *out, struct error *error),
                        struct error *error)
{
    scoped(told_release) struct told told = {0};
    scoped(row_array_release) struct row_array rows = {0};
    scoped(buffer_release) struct buffer path = {0}, text = {0};
    char file[64];

    (void)snprintf(file, sizeof(file), "%s.csv", name);
    return told_open(&run->rows.samples->set, part, &told, error) &&
           row_array_open(told.rows, &rows, error) &&
           write(run->model, run->rows.samples, part, rows.row, told.rows->n, &text, error) &&
           artifact_path(run, file, &path, error) &&
           file_replace(AT_FDCWD, path.data, text.data, text.size, error) &&
           report_file(name, file, error);
}

static bool write_predictions(const struct run *run, struct error *error)
{
    const struct split *split = &run->rows.split.split;
    bool test = split->part[SPLIT_TEST].n > 0 && run->spec.evaluate.test;
    const struct row_list *part = &split->part[test ? SPLIT_TEST : SPLIT_VALID];

    if (part->n == 0)
        return true;
    return (!run->spec.evaluate.predictions ||
            write_table(run, part, "predictions", write_probabilities, error)) &&
           (!run->spec.evaluate.logits ||
            write_table(run, part, "logits", pipeline_write_logits, error));
}

static bool write_importances(const struct run *run, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0}, text = {0};

    return !run->model->kind->importance ||
           (pipeline_write_importances(run->model, run->rows.samples, &text, error) &&
            artifact_path(run, "importances.csv", &path, error) &&
            file_replace(AT_FDCWD, path.data, text.data, text.size, error) &&
            report_file("importances", "importances.csv", error));
}

/* ---- stages -----------------------------------------------------------------------------------*/

static bool tell_warnings(const struct warning_list *warnings, struct error *error)
{
    for (int i = 0; i < warnings->n; i++) {
        const struct warning *warning = &warnings->item[i];

        if (!report_warning(warning->where[0] ? warning->where : NULL, warning->figure, error, "%s",
                            warning->text))
            return false;
    }
    return true;
}

/* "test_looks": how many experiments have measured the test rows, this one too; 0: they stay
 * closed. */
static bool count_look(const struct run *run, cJSON *fields, struct error *error)
{
    const struct row_list *test = &run->rows.split.split.part[SPLIT_TEST];
    scoped(buffer_release) struct buffer who = {0};
    scoped(memory_free) char *folder = NULL;
    int64_t n = 0;

    if (test->n == 0)
        return true;
    if (run->spec.evaluate.test && run->sample == 0) {
        if (!buffer_append_format(&who, error, "%s/..", run->folder))
            return false;
        folder = realpath(who.data, NULL);
        if (!looks_add(run->dataset->folder, run->dataset, test, folder ? folder : run->folder,
                       true, &n, error))
            return false;
    }
    return json_add_integer(fields, "test_looks", n) || no_memory(error);
}

static bool tell_split(const struct run *run, struct error *error)
{
    const struct split_plan *split = &run->rows.split;
    cJSON *fields = split_event(split);

    if (!fields || !json_add_text(fields, "of", run->rows.samples->window ? "windows" : "rows"))
        return no_memory(error);
    if (!count_look(run, fields, error) || !report_event("split", &fields, error)) {
        json_free(&fields);
        return false;
    }
    return split->n_shared_rows == 0 ||
           report_mark("LEAK", run->spec.data.allow_leak, split->n_shared_rows, error);
}

/* What windows would weigh if each were copied, and what they do. */
static bool tell_windows(const struct run *run, struct error *error)
{
    const struct samples *samples = run->rows.samples;
    const struct split *split = &run->rows.split.split;
    double bytes = (double)run->dataset->n_features * sizeof(float), windows = 0;
    char copies[BYTES_TEXT_SIZE], views[BYTES_TEXT_SIZE];

    if (!samples->window)
        return true;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        windows += (double)split->part[i].n;
    return report_note(
        error, "%.0f windows of %lld rows: would be %s as copies, are %s as views", windows,
        (long long)samples->window->length,
        bytes_text(windows * (double)samples->window->length * bytes, copies, sizeof(copies)),
        bytes_text((double)run->dataset->n_rows * bytes, views, sizeof(views)));
}

/* What the rows are, and what it took to have them. */
static bool tell_data(const struct run *run, bool built, int64_t took_ms, struct error *error)
{
    scoped(json_free) cJSON *fields = cJSON_CreateObject();

    if (!json_add_integer(fields, "rows", run->dataset->n_rows) ||
        !json_add_integer(fields, "recordings", run->dataset->series.n) ||
        !json_add_text(fields, "key", run->dataset->key) ||
        !json_add_boolean(fields, "built", built) ||
        !json_add_number(fields, "seconds", (double)took_ms / 1000))
        return no_memory(error);
    return report_event("data", &fields, error);
}

static bool open_data(struct run *run, struct warning_list *warnings, struct error *error)
{
    scoped(buffer_release) struct buffer folder = {0};
    int64_t began = clock_system.monotonic_ms(NULL);
    bool built;

    if (!store_folder(run->folder, &folder, error) ||
        !store_open(folder.data, &run->spec.data, run->cwd, &run->dataset, &built, warnings, error))
        return false;
    stages_end(&run->stages, "import");
    if (built)
        stage_warn_slow(&run->stages.stage[run->stages.n - 1], run->dataset->n_rows, warnings);
    return tell_data(run, built, clock_system.monotonic_ms(NULL) - began, error);
}

static bool tell_sampling(const struct run *run, struct error *error)
{
    return run->rows.sampling.size == 0 || report_note(error, "%s", run->rows.sampling.data);
}

static bool tell_preparation(const struct run *run, struct error *error)
{
    const struct preparation *preparation = run->rows.preparation;
    const struct split *split = &run->rows.split.split;

    return !preparation->leak[0] ||
           report_mark("LEAK", preparation->leak,
                       split->part[SPLIT_VALID].n + split->part[SPLIT_TEST].n, error);
}

static bool import_rows(struct run *run, struct warning_list *warnings, struct error *error)
{
    if (!open_data(run, warnings, error))
        return false;
    if (!prepared_rows_make(&run->spec, run->cwd, run->dataset, run->seed, &run->rows, warnings,
                            error) ||
        (run->sample > 0 && !prepared_rows_sample(&run->rows, run->sample, error)))
        return false;
    stages_end(&run->stages, "prepare");
    return true;
}

static bool import_and_prepare(struct run *run, struct error *error)
{
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));

    if (!warnings)
        return no_memory(error);
    return import_rows(run, warnings, error) && tell_warnings(warnings, error) &&
           tell_split(run, error) && tell_preparation(run, error) && tell_sampling(run, error) &&
           tell_windows(run, error) && write_split(run, error);
}

static bool append_hash(struct buffer *text, const void *data, int64_t n, size_t size,
                        struct error *error)
{
    return !data || buffer_append_format(text, error, " %016llx",
                                         (unsigned long long)hash_bytes(data, (size_t)n * size));
}

/* The values themselves, not where they came from. */
static bool append_data(const struct run *run, struct buffer *text, struct error *error)
{
    const struct dataset *dataset = run->dataset;
    int64_t n = dataset->n_rows;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!buffer_append_format(
                text, error, " %016llx",
                (unsigned long long)row_list_hash(&run->rows.split.split.part[i])))
            return false;
    if (dataset->key[0])
        return buffer_append_format(text, error, " %s", dataset->key);
    return append_hash(text, dataset->value, n * dataset->n_features, sizeof(float), error) &&
           append_hash(text, dataset->label, n, sizeof(int32_t), error) &&
           append_hash(text, dataset->target, dataset_target_rows(dataset) * dataset->n_targets,
                       sizeof(double), error);
}

/* Settings and data that decide the weights; how long to train and when to save do not. */
static bool hash_configuration(const struct run *run, uint64_t *ret, struct error *error)
{
    scoped(json_free) cJSON *json = settings_json(engine_settings, &run->spec);
    scoped(buffer_release) struct buffer text = {0};
    cJSON *train = json ? cJSON_GetObjectItemCaseSensitive(json, "train") : NULL;

    if (!train)
        return no_memory(error);
    cJSON_DeleteItemFromObjectCaseSensitive(train, "epochs");
    cJSON_DeleteItemFromObjectCaseSensitive(train, "checkpoint");
    cJSON_DeleteItemFromObjectCaseSensitive(train, "limit");
    cJSON_DeleteItemFromObjectCaseSensitive(train, "out_of_memory");
    cJSON_DeleteItemFromObjectCaseSensitive(train, "snapshots");
    cJSON_DeleteItemFromObjectCaseSensitive(train, "full_loss");
    cJSON_DeleteItemFromObjectCaseSensitive(train, "logits");
    cJSON_DeleteItemFromObjectCaseSensitive(json, "evaluate");
    cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "data"),
                                            "source");
    if (!json_print(json, &text, error) ||
        !buffer_append_format(&text, error, " %llu", (unsigned long long)run->seed) ||
        !append_data(run, &text, error))
        return false;
    *ret = hash_bytes(text.data, text.size);
    return true;
}

/* The model of the spec, and all that can be wrong with what is asked of it. */
static bool build_model(struct run *run, struct error *error)
{
    const struct preparation *preparation = run->rows.preparation;
    const struct loss_task task = pipeline_loss_task(preparation);
    struct train_config *config = &run->spec.train;
    struct distribution_shape shape;
    struct model_plan plan;

    if (!train_complete(config, run->dataset->task, error) ||
        !loss_fit(&config->loss, &run->rows.samples->set, &run->rows.split.split.part[SPLIT_TRAIN],
                  error) ||
        !loss_shape(&config->loss, &task, &shape, error) ||
        !metric_check(&run->spec.evaluate.metrics, run->dataset->task, &shape, "evaluate.metrics",
                      error))
        return false;
    if (!run->runs && asprintf(&run->runs, "%s/../..", run->folder) < 0) {
        run->runs = NULL;
        return no_memory(error);
    }
    plan = pipeline_plan(&run->spec, preparation, run->seed, true);
    plan.cwd = run->cwd;
    plan.runs = run->runs;
    plan.parts = run->parts > 0 ? run->parts : plan.parts;
    return model_build(&plan, &run->model, error);
}

/* Twice as many parts for each run before that had too little memory. */
static bool choose_parts(struct run *run, struct error *error)
{
    const struct train_config *config = &run->spec.train;
    int64_t number = json_integer(run->file, "run", 0), ended;

    if (config->out_of_memory != OUT_OF_MEMORY_HALVE || run->stored)
        return true;
    if (!earlier_runs_out_of_memory(run->folder, number, &ended, error))
        return false;
    run->parts = config->parts;
    for (int64_t i = 0; i < ended && run->parts < config->batch; i++)
        run->parts *= 2;
    if (run->parts > config->batch)
        run->parts = config->batch;
    return run->parts == config->parts ||
           report_warning("train.out_of_memory", (double)run->parts, error,
                          "%lld runs before were ended for want of memory: batches are worked out "
                          "in %lld parts",
                          (long long)ended, (long long)run->parts);
}

/* The model, and what training it needs to know. */
static bool make_model(struct run *run, struct train_context *ret_context, struct error *error)
{
    *ret_context = (struct train_context){.seed = run->seed,
                                          .checkpoint_folder = run->checkpoint,
                                          .metrics = &run->spec.evaluate.metrics,
                                          .snapshot = write_snapshot,
                                          .snapshot_context = run,
                                          .epoch_s = NAN,
                                          .stop = run->stop};
    return choose_parts(run, error) && build_model(run, error) &&
           hash_configuration(run, &ret_context->configuration, error);
}

/* Of a model that sees all rows in a step an epoch is one batch. */
static bool train_with(struct run *run, const struct train_context *context,
                       struct train_result *ret_result, struct error *error)
{
    struct train_config config = run->spec.train;

    if (run->model->kind->whole) {
        config.batch = run->rows.training.part[SPLIT_TRAIN].n;
        config.shuffle = false;
    }
    if (run->model->kind->single)
        config.epochs = 1;
    return train_model(run->model, &run->rows.samples->set, &run->rows.training, &config, context,
                       ret_result, error);
}

/* ---- how long it will take --------------------------------------------------------------------*/

#define WORTH_TELLING_S 10.0

static bool work_of(const struct run *run, struct buffer *ret_folder, struct pace_work *ret_work,
                    struct error *error)
{
    return store_folder(run->folder, ret_folder, error) &&
           pipeline_work(&run->spec, run->rows.preparation, run->rows.training.part[SPLIT_TRAIN].n,
                         run->model->n_parameters, ret_work, error);
}

/* Before the first epoch is over: what experiments like it took. */
/* *ret_epoch_s: NAN where it is not known. */
static bool tell_expected(const struct run *run, double *ret_epoch_s, struct error *error)
{
    const struct train_config *config = &run->spec.train;
    scoped(buffer_release) struct buffer folder = {0};
    struct pace_guess guess;
    struct pace_work work;
    double seconds;
    char all[24], epoch[24], why[PACE_TEXT_SIZE];

    *ret_epoch_s = NAN;
    if (run->sample > 0 || run->model->kind->single)
        return true;
    if (!work_of(run, &folder, &work, error) || !paces_guess(folder.data, &work, &guess, error))
        return false;
    seconds = pipeline_expected_s(config, &guess);
    if (guess.experiment == 0 || seconds < WORTH_TELLING_S)
        return true;
    *ret_epoch_s = guess.epoch_s;
    (void)snprintf(epoch, sizeof(epoch), "%.2g s", guess.epoch_s);
    if (guess.epoch_s >= 60)
        clock_format_duration((int64_t)(guess.epoch_s * 1000), epoch);
    return report_note(error, "about %s at most, %s an epoch: %s",
                       clock_format_duration((int64_t)(seconds * 1000), all), epoch,
                       pace_text(&guess, why));
}

/* For those that come after; that it cannot be kept fails nothing. */
static bool keep_pace(const struct run *run, const struct train_result *result, struct error *error)
{
    scoped(buffer_release) struct buffer folder = {0};
    int64_t experiment = json_integer(run->file, "id", 0);
    struct error cause = {0};
    struct pace_work work;
    double rest_s = 0;

    if (run->sample > 0 || run->model->kind->single || !isfinite(result->epoch_s) ||
        experiment <= 0)
        return true;
    for (int i = 0; i < run->stages.n; i++)
        if (strcmp(run->stages.stage[i].name, "train") != 0)
            rest_s += run->stages.stage[i].wall_s;
    if (!work_of(run, &folder, &work, error))
        return false;
    return paces_add(folder.data, &work, experiment, result->epoch_s, rest_s, &cause) ||
           report_warning(NULL, NAN, error, "how long its epochs took is not kept: %s",
                          cause.message);
}

/* ---- what comes from other experiments --------------------------------------------------------*/

static bool tell_unknown(const struct run *run, const struct seen_counts *counts,
                         struct error *error)
{
    const char *place = pipeline_others_place(&run->spec);

    if (counts->n_other > 0 &&
        !report_note(error,
                     "%s: %lld of the models that are named are of other data than %s: whether "
                     "test rows are among those was not checked",
                     place, (long long)counts->n_other, run->dataset->path))
        return false;
    return counts->n_unknown == 0 ||
           report_warning(place, (double)counts->n_unknown, error,
                          "of %lld of the models that are named it is not known which rows they "
                          "were trained on: whether test rows are among them was not checked",
                          (long long)counts->n_unknown);
}

static bool tell_names(const struct run *run, const struct model_files *others, struct error *error)
{
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));

    if (!warnings)
        return no_memory(error);
    return pipeline_compare_names(&run->spec, others, run->rows.preparation, warnings, error) &&
           tell_warnings(warnings, error);
}

/* What those that are named were trained on counts as well: test rows among that are a leak. */
static bool check_others(const struct run *run, struct error *error)
{
    scoped(model_files_release) struct model_files others = {0};
    struct seen_counts counts;

    if (!pipeline_find_others(&run->spec, NULL, run->cwd, run->runs, &others, error))
        return false;
    if (others.n == 0)
        return true;
    if (!pipeline_count_seen(&run->spec, run->rows.samples, &run->rows.split.split, &others,
                             &counts, error) ||
        !tell_names(run, &others, error) || !tell_unknown(run, &counts, error) ||
        !pipeline_refuse_seen(&run->spec, &counts, error))
        return false;
    return seen_leaks(&counts) == 0 ||
           report_mark("LEAK", run->spec.data.allow_leak, seen_leaks(&counts), error);
}

static bool train(struct run *run, struct train_result *ret_result, struct error *error)
{
    struct train_context context;

    if (!make_model(run, &context, error))
        return false;
    if (run->spec.evaluate.logits && run->model->n_logits == 0)
        return error_set_at(error, ERROR_INVALID, "evaluate.logits",
                            "only networks that tell classes apart have them");
    return check_others(run, error) &&
           pipeline_start(&run->spec.train, run->cwd, run->runs, run->model, error) &&
           tell_expected(run, &context.epoch_s, error) &&
           train_with(run, &context, ret_result, error);
}

/* Which epoch's weights the numbers are about. */
static bool tell_training(const struct run *run, const struct train_result *result,
                          struct error *error)
{
    const struct train_config *config = &run->spec.train;
    const char *metric = config->early_stopping.metric;
    char what[160] = "";

    if (result->stopped_early)
        (void)snprintf(what, sizeof(what), "training ended early, after epoch %lld of %lld; ",
                       (long long)result->epochs, (long long)config->epochs);
    if (config->restore_best && result->best_epoch > 0 && result->best_epoch < result->epochs)
        return report_note(error, "%sthe weights are those of epoch %lld (%s %.6g)", what,
                           (long long)result->best_epoch, metric ? metric : "valid.loss",
                           result->best_value);
    if (result->stopped_early)
        return report_note(error, "%sthe weights are those of its end", what);
    return true;
}

/* The curve ended with the last epoch's weights; what counts is the loss of those that are kept. */
static bool tell_loss(enum split_part which, const struct loss_sum *sum, struct error *error)
{
    double loss = sum->loss / sum->weight;
    char name[32];

    if (which == SPLIT_TEST)
        return true;
    (void)snprintf(name, sizeof(name), "%s.loss", split_part_name[which]);
    if (!isfinite(loss) &&
        !report_warning(name, loss, error, "%s is not finite: %s", name,
                        sum->weight == 0 ? "its rows weigh nothing"
                                         : "the weights that are kept are hardly of use"))
        return false;
    return report_metric(name, GOAL_MINIMIZE, loss, REPORT_FINAL, NAN, error);
}

/* Rows that the samples of a part tell, and what is predicted of them. */
struct measured {
    enum split_part part;
    struct told told;
    struct row_array rows;
    double *prediction; /* owned */
    struct loss_sum sum;
};

static void measured_release(struct measured *measured)
{
    told_release(&measured->told);
    row_array_release(&measured->rows);
    free(measured->prediction);
}

static bool predict_part(const struct run *run, enum split_part part, struct measured *ret,
                         struct error *error)
{
    const struct row_list *list = &run->rows.split.split.part[part];
    const struct samples *samples = run->rows.samples;

    ret->part = part;
    return told_open(&samples->set, list, &ret->told, error) &&
           row_array_open(ret->told.rows, &ret->rows, error) &&
           pipeline_predict_rows(run->model, samples, list, ret->rows.row, ret->told.rows->n, 0,
                                 &ret->prediction, &ret->sum, error);
}

static bool measure(const struct run *run, const struct measured *of, const double *naive,
                    struct evaluation *ret, struct error *error)
{
    return metric_evaluate(&run->spec.evaluate.metrics, &run->rows.samples->set,
                           &run->model->distribution, of->rows.row, of->told.rows->n,
                           of->prediction, naive, ret, error);
}

/* The same predictions, of rows in which each class is as frequent as the rarest. */
static bool measure_balanced(const struct run *run, const struct measured *of, struct error *error)
{
    const struct sample_set *set = &run->rows.samples->set;
    const int64_t *row = of->rows.row;
    int64_t width = run->model->n_outputs_per_row, n;
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(memory_free) int64_t *at = NULL;
    scoped(memory_free) double *chosen = NULL;
    char name[32];

    if (!run->spec.evaluate.balanced || set->task != TASK_CLASSIFICATION)
        return true;
    if (!bootstrap_balance(set, row, of->told.rows->n, run->seed, &at, &n, error))
        return false;
    chosen = calloc((size_t)(n * width) + 1, sizeof(*chosen));
    if (!chosen)
        return no_memory(error);
    for (int64_t i = 0; i < n; i++) {
        memcpy(chosen + i * width, of->prediction + at[i] * width, (size_t)width * sizeof(*chosen));
        at[i] = row[at[i]];
    }
    (void)snprintf(name, sizeof(name), "%s.balanced", split_part_name[of->part]);
    return metric_evaluate(&run->spec.evaluate.metrics, set, &run->model->distribution, at, n,
                           chosen, NULL, &evaluation, error) &&
           metric_report(&evaluation, name, error);
}

static bool tell_intervals(const struct run *run, const struct measured *of,
                           const struct evaluation *evaluation, struct error *error)
{
    const struct bootstrap bootstrap = {
        .metrics = &run->spec.evaluate.metrics,
        .set = &run->rows.samples->set,
        .shape = &run->model->distribution,
        .row = of->rows.row,
        .n = of->told.rows->n,
        .prediction = of->prediction,
        .seed = run->seed,
        .times = run->spec.evaluate.bootstrap,
    };

    if (of->part != SPLIT_TEST || bootstrap.times == 0)
        return true;
    return bootstrap_report(&bootstrap, evaluation, split_part_name[of->part], error);
}

static bool evaluate_part(const struct run *run, enum split_part which, const double *naive,
                          struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(measured_release) struct measured part = {0};

    if (run->rows.split.split.part[which].n == 0 ||
        (which == SPLIT_TEST && !run->spec.evaluate.test))
        return true;
    return predict_part(run, which, &part, error) && tell_loss(which, &part.sum, error) &&
           measure(run, &part, naive, &evaluation, error) &&
           metric_report(&evaluation, split_part_name[which], error) &&
           measure_balanced(run, &part, error) && tell_intervals(run, &part, &evaluation, error);
}

static bool evaluate(const struct run *run, struct error *error)
{
    const struct sample_set *set = &run->rows.samples->set;
    scoped(told_release) struct told train = {0};
    scoped(memory_free) double *naive =
        calloc((size_t)run->model->n_outputs_per_row + 1, sizeof(*naive));

    if (!naive)
        return no_memory(error);
    if (!told_open(set, &run->rows.split.split.part[SPLIT_TRAIN], &train, error) ||
        !metric_naive_row(set, &run->model->distribution, train.rows, naive, error))
        return false;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!evaluate_part(run, (enum split_part)i, naive, error))
            return false;
    return true;
}

/* ---- snapshots --------------------------------------------------------------------------------*/

static bool measure_snapshot(const struct run *run, enum split_part which, int64_t number,
                             struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(measured_release) struct measured part = {0};
    char name[METRIC_NAME_SIZE + 16];

    if (run->rows.split.split.part[which].n == 0)
        return true;
    if (!predict_part(run, which, &part, error) || !measure(run, &part, NULL, &evaluation, error))
        return false;
    (void)snprintf(name, sizeof(name), "%s.loss", split_part_name[which]);
    if (!report_metric(name, GOAL_MINIMIZE, part.sum.loss / part.sum.weight, number, NAN, error))
        return false;
    for (int64_t i = 0; i < evaluation.n_values; i++) {
        const struct metric_value *value = &evaluation.value[i];

        (void)snprintf(name, sizeof(name), "%s.%s", split_part_name[which], value->name);
        if (!report_metric(name, value->goal, value->value, number, NAN, error))
            return false;
    }
    return true;
}

/* Each on the training and the validation rows: the test rows are for what is chosen. */
static bool measure_snapshots(const struct run *run, const struct model_files *list,
                              struct error *error)
{
    static char all_names[] = "*";
    const struct start_config everything = {.match = all_names};
    int64_t taken, all;

    for (int64_t i = 0; i < list->n; i++) {
        if (!model_file_take(list->path[i], &everything, run->model, &taken, &all, error) ||
            !measure_snapshot(run, SPLIT_TRAIN, i + 1, error) ||
            !measure_snapshot(run, SPLIT_VALID, i + 1, error) ||
            !report_progress((double)i + 1, (double)list->n, "snapshot", NAN, error))
            return false;
        if (run->stop && *run->stop)
            return error_set(error, ERROR_CANCELLED, "asked to stop");
    }
    return true;
}

static bool go_over_snapshots(struct run *run, struct error *error)
{
    scoped(model_files_release) struct model_files list = {0};

    return build_model(run, error) && check_others(run, error) &&
           pipeline_list_snapshots(run->spec.evaluate.snapshots, run->cwd, run->runs, &list,
                                   error) &&
           measure_snapshots(run, &list, error) && evaluate(run, error) && report_sync(error);
}

static bool go_through(struct run *run, bool *ret_stopped, struct error *error)
{
    struct train_result result = {0};

    stages_start(&run->stages);
    if (!read_spec(run, error) || !import_and_prepare(run, error))
        return false;
    if (run->spec.evaluate.snapshots)
        return go_over_snapshots(run, error);
    if (!train(run, &result, error))
        return false;
    stages_end(&run->stages, "train");
    *ret_stopped = result.stopped;
    if (result.stopped)
        return report_sync(error);
    if (!tell_training(run, &result, error) || !write_model(run, error) ||
        !write_importances(run, error) || !write_predictions(run, error))
        return false;
    stages_end(&run->stages, "write");
    if (!evaluate(run, error))
        return false;
    stages_end(&run->stages, "evaluate");
    return keep_pace(run, &result, error) && stages_report(&run->stages, error) &&
           report_sync(error);
}

/* Why it gave up, for whoever reads the journal; the first error is the one that counts. */
static void report_failure(const struct error *failure)
{
    cJSON *fields = cJSON_CreateObject();
    struct error ignored;

    if (json_add_text(fields, "kind", error_kind_name(failure->kind)) &&
        json_add_text(fields, "path", failure->path[0] ? failure->path : NULL) &&
        json_add_text(fields, "text", failure->message))
        (void)report_event("error", &fields, &ignored);
    json_free(&fields);
    (void)report_sync(&ignored);
}

/* ---- a run that is under way ------------------------------------------------------------------*/

static bool copy_file(const char *from, const char *to, const char *name, struct error *error)
{
    scoped(buffer_release) struct buffer source = {0}, target = {0};
    scoped(memory_free) char *data = NULL;
    size_t size;

    return buffer_append_format(&source, error, "%s/%s", from, name) &&
           buffer_append_format(&target, error, "%s/%s", to, name) &&
           file_read(AT_FDCWD, source.data, SIZE_MAX / 2, &data, &size, error) &&
           file_replace_fast(AT_FDCWD, target.data, data, size, error);
}

/* The last checkpoint, taken up by a training that stops at once, in a folder of its own. */
static bool recall_last(struct run *run, struct train_context *context, struct error *error)
{
    static const volatile sig_atomic_t stop = 1;
    char folder[] = "/tmp/nightjar-checkpoint-XXXXXX";
    struct train_result result = {0};
    struct error ignored;
    bool done;

    if (!mkdtemp(folder))
        return error_set_errno(error, errno, "%s", folder);
    done = copy_file(run->checkpoint, folder, "last.ckpt", error);
    if (done) {
        context->checkpoint_folder = folder;
        context->stop = &stop;
        done = train_with(run, context, &result, error) &&
               (result.resumed_step > 0 ||
                error_set(error, ERROR_NOT_FOUND, "%s: its checkpoint is of another configuration",
                          run->folder));
    }
    (void)file_remove_tree(AT_FDCWD, folder, &ignored);
    return done;
}

static bool recall(struct run *run, struct error *error)
{
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));
    struct train_context context;
    struct error missing = {0};
    int64_t epoch;

    if (!warnings)
        return no_memory(error);
    if (!read_spec(run, error) || !import_rows(run, warnings, error) ||
        !make_model(run, &context, error))
        return false;
    if (train_recall_best(run->model, &context, &epoch, &missing))
        return true;
    if (missing.kind != ERROR_NOT_FOUND) {
        *error = missing;
        return false;
    }
    return recall_last(run, &context, error);
}

bool pipeline_recall(const char *folder, const char *path, struct error *error)
{
    scoped(run_release) struct run run = {.folder = folder, .stored = true};
    scoped(json_free) cJSON *spec = NULL;
    scoped(json_free) cJSON *origin = NULL;

    if (!recall(&run, error)) {
        if (error->kind == ERROR_NOT_FOUND)
            return error_set(error, ERROR_NOT_FOUND, "%s: has neither a model nor a checkpoint yet",
                             folder);
        return false;
    }
    spec = settings_json(engine_settings, &run.spec);
    origin = provenance(&run);
    return spec && origin
               ? model_file_write(path, run.model, spec, run.rows.preparation, origin, error)
               : no_memory(error);
}

bool pipeline_run(const char *folder, const volatile sig_atomic_t *stop, bool *ret_stopped,
                  struct error *error)
{
    scoped(run_release) struct run run = {.folder = folder, .stop = stop};
    bool done;

    /* by hand there is no worker that says where artifacts lie */
    if (setenv("NIGHTJAR_RUN_DIR", folder, 0) != 0 || !report_start(error))
        return false;
    done = go_through(&run, ret_stopped, error);
    if (!done)
        report_failure(error);
    report_stop();
    return done;
}

bool pipeline_run_sample(const char *folder, const char *runs, int64_t samples, struct error *error)
{
    static const volatile sig_atomic_t stop = 0;
    scoped(run_release) struct run run = {.folder = folder, .stop = &stop, .sample = samples};
    bool stopped = false, done;

    if (runs && !(run.runs = strdup(runs)))
        return no_memory(error);
    if (!report_start(error))
        return false;
    done = go_through(&run, &stopped, error);
    report_stop();
    return done;
}
