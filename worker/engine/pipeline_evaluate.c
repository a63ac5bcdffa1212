/* Other figures of a stored model: on the parts that its run had, or on a file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/split/kinds.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/prepared/looks.h"
#include "worker/engine/prepared/store.h"

#define SPEC_FILE_LIMIT ((size_t)64 * 1024 * 1024)

struct evaluating {
    const struct evaluate_request *request;
    struct stored_model stored;
    struct metric_choices wanted;
    struct dataset *dataset; /* owned, as the rest */
    struct split_plan split; /* of the run's own data */
    struct samples *samples;
    int32_t *label; /* of the samples, by the model's numbers */
    cJSON *answer;
};

static const struct setting wanted_settings[] = {
    {.name = "metrics",
     .type = SETTING_TYPE_KINDS,
     .max_items = EVALUATE_METRICS_MAX,
     .kinds = &metric_registry,
     .unit = "",
     .help = "What is measured."},
    {0},
};

void metric_choices_release(struct metric_choices *choices)
{
    settings_release(wanted_settings, choices);
}

bool metric_choices_read(struct metric_choices *ret, const char *const *name, size_t n,
                         struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *list = cJSON_CreateStringArray(name, (int)n);

    if (!json_add_item(object, "metrics", &list))
        return error_set(error, ERROR_NO_MEMORY, "evaluating");
    return settings_parse(wanted_settings, object, "", ret, &diagnostics) ||
           error_set(error, ERROR_INVALID, "--metric: %s",
                     diagnostics.n ? diagnostics.item[0].message : "out of memory");
}

static void evaluating_release(struct evaluating *evaluating)
{
    samples_free(&evaluating->samples);
    free(evaluating->label);
    split_plan_release(&evaluating->split);
    dataset_free(&evaluating->dataset);
    stored_model_release(&evaluating->stored);
    metric_choices_release(&evaluating->wanted);
    json_free(&evaluating->answer);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "evaluating");
}

static bool read_metrics(struct evaluating *evaluating, struct error *error)
{
    const struct evaluate_request *request = evaluating->request;

    return metric_choices_read(&evaluating->wanted, request->metric, request->n_metrics, error) &&
           metric_check(&evaluating->wanted.metrics, evaluating->stored.preparation->task,
                        &evaluating->stored.model->distribution, "--metric", error);
}

/* ---- rows -------------------------------------------------------------------------------------*/

/* The file may have its classes in another order, or fewer of them. */
static bool match_classes(struct evaluating *evaluating, struct error *error)
{
    const struct preparation *preparation = evaluating->stored.preparation;
    const struct dataset *dataset = evaluating->dataset;
    struct sample_set *set = &evaluating->samples->set;
    scoped(memory_free) int32_t *number =
        malloc(((size_t)dataset->classes.n + 1) * sizeof(*number));

    evaluating->label = malloc(((size_t)set->n_samples + 1) * sizeof(*evaluating->label));
    if (!number || !evaluating->label)
        return no_memory(error);
    for (int32_t i = 0; i < dataset->classes.n; i++) {
        number[i] = 0;
        while (number[i] < preparation->n_classes &&
               strcmp(preparation->class_name[number[i]], dataset->classes.text[i]) != 0)
            number[i]++;
        if (number[i] == preparation->n_classes)
            return error_set_at(error, ERROR_INVALID, "data.target",
                                "'%s' in %s is none of the model's classes",
                                dataset->classes.text[i], dataset->path);
    }
    for (int64_t i = 0; i < set->n_samples; i++)
        evaluating->label[i] = set->label[i] < 0 ? -1 : number[set->label[i]];
    set->label = evaluating->label;
    return true;
}

bool pipeline_check_features(const struct preparation *preparation, const struct dataset *dataset,
                             struct error *error)
{
    bool same = dataset->n_features == preparation->n_features;

    for (int64_t i = 0; same && i < dataset->n_features; i++)
        same = strcmp(dataset->feature[i].name, preparation->feature[i].name) == 0 &&
               dataset->feature[i].categorical == preparation->feature[i].categorical;
    return same || error_set_at(error, ERROR_INVALID, "data.features",
                                "%s has not the model's features, in their order", dataset->path);
}

static bool import(struct evaluating *evaluating, const char *cwd, struct error *error)
{
    struct stored_model *stored = &evaluating->stored;
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));
    struct data_config config = stored->spec.data;
    char file[PATH_MAX], *one = file;

    if (!warnings)
        return no_memory(error);
    if (evaluating->request->data) {
        if (!realpath(evaluating->request->data, file))
            return error_set_errno(error, errno, "%s", evaluating->request->data);
        config.source = (struct setting_texts){.item = &one, .n = 1};
        if (split_by_files(&config.split)) /* whose files are others */
            config.split.by = (struct kind_choice){.kind = &split_fraction.kind};
    }
    config.task = stored->preparation->task == TASK_CLASSIFICATION ? DATA_TASK_CLASSIFICATION
                                                                   : DATA_TASK_REGRESSION;
    return dataset_import(&config, cwd, &evaluating->dataset, warnings, error) &&
           pipeline_check_features(stored->preparation, evaluating->dataset, error);
}

/* `stretches`: of the run's parts; NULL: there are none. */
static bool make_samples(struct evaluating *evaluating, const struct stretches *stretches,
                         struct error *error)
{
    const struct stored_model *stored = &evaluating->stored;

    return samples_make(evaluating->dataset, stored->preparation,
                        window_find(&stored->spec.prepare), stretches, &evaluating->samples,
                        error) &&
           (stored->preparation->task == TASK_REGRESSION || match_classes(evaluating, error));
}

static bool read_run(const char *folder, cJSON **ret, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(memory_free) char *text = NULL;
    size_t size;

    return buffer_append_format(&path, error, "%s/spec.json", folder) &&
           file_read(AT_FDCWD, path.data, SPEC_FILE_LIMIT, &text, &size, error) &&
           json_parse(text, size, ret, error);
}

/* ---- figures ----------------------------------------------------------------------------------*/

static bool print_table(const struct metric_table *table, const char *part, FILE *out)
{
    (void)fprintf(out, "%s.%s", part, table->name);
    for (int64_t k = 0; k < table->n_columns; k++)
        (void)fprintf(out, " %s", table->column[k]);
    for (int64_t i = 0; i < table->n_rows; i++) {
        (void)fprintf(out, "\n ");
        for (int64_t k = 0; k < table->n_columns; k++)
            (void)fprintf(out, " %.9g", table->cell[i * table->n_columns + k]);
    }
    return fprintf(out, "\n") > 0;
}

static bool answer(struct evaluating *evaluating, const struct evaluation *evaluation,
                   const char *part, FILE *out, struct error *error)
{
    char name[METRIC_NAME_SIZE + 32];

    for (int64_t i = 0; i < evaluation->n_values; i++) {
        const struct metric_value *value = &evaluation->value[i];

        (void)snprintf(name, sizeof(name), "%s.%s", part, value->name);
        if (evaluating->request->json && !json_add_number(evaluating->answer, name, value->value))
            return no_memory(error);
        if (!evaluating->request->json)
            (void)fprintf(out, "%s %.9g\n", name, value->value);
    }
    for (int64_t i = 0; i < evaluation->n_tables && !evaluating->request->json; i++)
        (void)print_table(&evaluation->table[i], part, out);
    return true;
}

/* `list`: the samples that tell the rows. */
static bool measure(struct evaluating *evaluating, const struct row_list *list,
                    const struct row_list *told, const char *part, FILE *out, struct error *error)
{
    const struct samples *samples = evaluating->samples;
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(row_array_release) struct row_array rows = {0};
    scoped(memory_free) double *prediction = NULL;

    return told->n == 0 || (row_array_open(told, &rows, error) &&
                            pipeline_predict_rows(evaluating->stored.model, samples, list, rows.row,
                                                  told->n, 0, &prediction, NULL, error) &&
                            metric_evaluate(&evaluating->wanted.metrics, &samples->set,
                                            &evaluating->stored.model->distribution, rows.row,
                                            told->n, prediction, NULL, &evaluation, error) &&
                            answer(evaluating, &evaluation, part, out, error));
}

static bool measure_part(struct evaluating *evaluating, enum split_part which, FILE *out,
                         struct error *error)
{
    const struct row_list *list = &evaluating->split.split.part[which];
    scoped(told_release) struct told told = {0};

    return told_open(&evaluating->samples->set, list, &told, error) &&
           measure(evaluating, list, told.rows, split_part_name[which], out, error);
}

bool pipeline_run_cwd(const char *given, char **ret_cwd, struct error *error)
{
    scoped(json_free) cJSON *run = NULL;
    struct stat status;
    const char *cwd;

    *ret_cwd = NULL;
    if (stat(given, &status) != 0 || !S_ISDIR(status.st_mode))
        return true;
    if (!read_run(given, &run, error))
        return false;
    cwd = json_text(run, "cwd", NULL);
    *ret_cwd = cwd ? strdup(cwd) : NULL;
    return !cwd || *ret_cwd || no_memory(error);
}

static bool measure_file(struct evaluating *evaluating, FILE *out, struct error *error)
{
    scoped(row_list_release) struct row_list list = {0}, rows = {0};
    scoped(memory_free) char *cwd = NULL;

    if (!pipeline_run_cwd(evaluating->request->model, &cwd, error) ||
        !import(evaluating, cwd, error) || !make_samples(evaluating, NULL, error) ||
        !samples_list_all(evaluating->samples, &list, &rows, error) ||
        !dataset_drop_untold(evaluating->dataset, &rows, error))
        return false;
    return measure(evaluating, &list, &rows, "data", out, error);
}

/* Whoever asks by hand opens it, whether or not the run has measured it. */
static bool tell_look(const struct evaluating *evaluating, struct error *error)
{
    const struct row_list *test = &evaluating->split.split.part[SPLIT_TEST];
    scoped(buffer_release) struct buffer folder = {0};
    int64_t n;

    if (test->n == 0)
        return true;
    if (!store_folder(evaluating->request->model, &folder, error) ||
        !looks_add(folder.data, evaluating->dataset, test, "nj evaluate", false, &n, error))
        return false;
    (void)fprintf(stderr, "the test rows were measured %lld time%s, this one too\n", (long long)n,
                  n == 1 ? "" : "s");
    return true;
}

static bool measure_parts(struct evaluating *evaluating, FILE *out, struct error *error)
{
    scoped(json_free) cJSON *run = NULL;
    scoped(stretches_release) struct stretches stretches = {0};
    const struct engine_spec *spec = &evaluating->stored.spec;
    const char *cwd;
    int64_t seed;

    if (!read_run(evaluating->request->model, &run, error))
        return false;
    cwd = json_text(run, "cwd", NULL);
    seed = json_integer(run, "seed", json_integer(json_member(run, "spec"), "seed", 0));
    if (!import(evaluating, cwd, error) ||
        !split_make(&spec->data, cwd, evaluating->dataset, window_find(&spec->prepare),
                    (uint64_t)seed, &evaluating->split, error) ||
        !split_stretches(&evaluating->split, evaluating->dataset, &stretches, error) ||
        !make_samples(evaluating, &stretches, error) ||
        !pipeline_unseen_classes(&spec->data, evaluating->samples, &evaluating->split, error))
        return false;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!measure_part(evaluating, (enum split_part)i, out, error))
            return false;
    return tell_look(evaluating, error);
}

static bool evaluate(struct evaluating *evaluating, const char *path, FILE *out,
                     struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    const struct bf16x3_kernel *kernel = pipeline_compute(evaluating->request->compute);

    evaluating->answer = cJSON_CreateObject();
    if (!evaluating->answer)
        return no_memory(error);
    if (!model_file_read(path, &evaluating->stored, error) || !read_metrics(evaluating, error) ||
        (kernel && !model_quicken(evaluating->stored.model, kernel, error)) ||
        !(evaluating->request->data ? measure_file(evaluating, out, error)
                                    : measure_parts(evaluating, out, error)))
        return false;
    if (!evaluating->request->json)
        return true;
    return json_print(evaluating->answer, &text, error) && fprintf(out, "%s\n", text.data) > 0;
}

bool pipeline_evaluate(const struct evaluate_request *request, FILE *out, struct error *error)
{
    scoped(evaluating_release) struct evaluating evaluating = {.request = request};
    scoped(memory_free) char *path = NULL;
    scoped(memory_free) char *temporary = NULL;
    struct stat status;
    bool done;

    if (!request->data && (stat(request->model, &status) != 0 || !S_ISDIR(status.st_mode)))
        return error_set(error, ERROR_INVALID, "%s: is no run's folder; --data says on what",
                         request->model);
    done = pipeline_stored_model(request->model, &path, &temporary, error) &&
           evaluate(&evaluating, path, out, error);
    if (temporary)
        (void)unlink(temporary);
    return done;
}
