/*
 * Files of predictions beside one another: tables as a run leaves them (predictions.csv), each
 * measured by what it says is true. Columns: "actual", "predicted" and "p[class]" of classes, or
 * "actual[y]" and "predicted[y]" of each target; any others are not looked at.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/question.h"

struct scored {       /* one file; all-zero is a valid empty one */
    const char *path; /* borrowed */
    bool classes;
    char **name; /* owned, [n_names], each too: of classes or targets */
    int64_t n_names;
    int64_t *actual, *predicted; /* owned, [n_names]: columns; of classes actual[0] */
    double *prediction, *target; /* owned, [capacity][n_names] */
    int32_t *label;              /* owned, [capacity] */
    int64_t n, capacity;
    struct evaluation evaluation;
};

static void scored_release(struct scored *scored)
{
    for (int64_t i = 0; i < scored->n_names; i++)
        free(scored->name[i]);
    free((void *)scored->name);
    free(scored->actual);
    free(scored->predicted);
    free(scored->prediction);
    free(scored->target);
    free(scored->label);
    evaluation_release(&scored->evaluation);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "comparing predictions");
}

/* ---- columns ----------------------------------------------------------------------------------*/

static bool is(const struct csv_field *field, const char *text)
{
    return field->size == strlen(text) && memcmp(field->text, text, field->size) == 0;
}

/* What stands in the brackets of "what[name]"; NULL: it is no such column. */
static const char *bracketed(const struct csv_field *field, const char *what, size_t *ret_size)
{
    size_t begin = strlen(what) + 1;

    if (field->size < begin + 1 || memcmp(field->text, what, begin - 1) != 0 ||
        field->text[begin - 1] != '[' || field->text[field->size - 1] != ']')
        return NULL;
    *ret_size = field->size - begin - 1;
    return field->text + begin;
}

static int64_t find_name(const struct scored *scored, const char *name, size_t size)
{
    for (int64_t i = 0; i < scored->n_names; i++)
        if (strlen(scored->name[i]) == size && memcmp(scored->name[i], name, size) == 0)
            return i;
    return -1;
}

static bool add_names(struct scored *scored, const struct csv_record *header, const char *what,
                      struct error *error)
{
    for (int64_t i = 0; i < header->n_fields; i++) {
        size_t size;
        const char *name = bracketed(&header->field[i], what, &size);

        if (!name)
            continue;
        if (find_name(scored, name, size) >= 0)
            return error_set(error, ERROR_INVALID, "%s: the column %s[%.*s] stands twice",
                             scored->path, what, (int)size, name);
        scored->predicted[scored->n_names] = i;
        scored->name[scored->n_names] = strndup(name, size);
        if (!scored->name[scored->n_names])
            return no_memory(error);
        scored->n_names++;
    }
    return true;
}

static bool find_columns(struct scored *scored, const struct csv_record *header,
                         struct error *error)
{
    size_t n = (size_t)header->n_fields;

    scored->name = (char **)calloc(n, sizeof(*scored->name));
    scored->actual = calloc(n, sizeof(*scored->actual));
    scored->predicted = calloc(n, sizeof(*scored->predicted));
    if (!scored->name || !scored->actual || !scored->predicted)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        scored->actual[i] = -1;
    for (int64_t i = 0; i < header->n_fields; i++)
        if (is(&header->field[i], "actual")) {
            scored->classes = true;
            scored->actual[0] = i;
        }
    if (!add_names(scored, header, scored->classes ? "p" : "predicted", error))
        return false;
    for (int64_t i = 0; i < header->n_fields && !scored->classes; i++) {
        size_t size;
        const char *name = bracketed(&header->field[i], "actual", &size);
        int64_t at = name ? find_name(scored, name, size) : -1;

        if (at >= 0)
            scored->actual[at] = i;
    }
    for (int64_t i = 0; i < (scored->classes ? 1 : scored->n_names); i++)
        if (scored->actual[i] < 0)
            return error_set(error, ERROR_INVALID, "%s: has no column actual[%s]", scored->path,
                             scored->name[i]);
    return scored->n_names > 0 ||
           error_set(error, ERROR_INVALID,
                     "%s: has no columns of predictions (actual, p[class]; actual[y], "
                     "predicted[y])",
                     scored->path);
}

/* ---- rows -------------------------------------------------------------------------------------*/

static bool make_room(struct scored *scored, struct error *error)
{
    int64_t capacity = scored->capacity ? 2 * scored->capacity : 1024;
    size_t values = (size_t)(capacity * scored->n_names);
    double *prediction, *target;
    int32_t *label;

    if (scored->n < scored->capacity)
        return true;
    prediction = reallocarray(scored->prediction, values, sizeof(*prediction));
    scored->prediction = prediction ? prediction : scored->prediction;
    target = reallocarray(scored->target, values, sizeof(*target));
    scored->target = target ? target : scored->target;
    label = reallocarray(scored->label, (size_t)capacity, sizeof(*label));
    scored->label = label ? label : scored->label;
    if (!prediction || !target || !label)
        return no_memory(error);
    scored->capacity = capacity;
    return true;
}

static bool read_number(const struct scored *scored, const struct csv_record *record,
                        int64_t column, double *ret, struct error *error)
{
    const struct csv_field *field = &record->field[column];
    char text[64], *end;

    if (field->size > 0 && field->size < sizeof(text)) {
        memcpy(text, field->text, field->size);
        text[field->size] = '\0';
        *ret = strtod(text, &end);
        if (!*end && isfinite(*ret))
            return true;
    }
    return error_set(error, ERROR_INVALID, "%s: line %lld, column %lld: '%.*s' is no number",
                     scored->path, (long long)record->line, (long long)column + 1,
                     field->size < 40 ? (int)field->size : 40, field->text);
}

static bool read_row(struct scored *scored, const struct csv_record *record, struct error *error)
{
    int64_t n = scored->n_names, at = scored->n * n;

    if (!make_room(scored, error))
        return false;
    for (int64_t k = 0; k < n; k++)
        if (!read_number(scored, record, scored->predicted[k], &scored->prediction[at + k],
                         error) ||
            (!scored->classes &&
             !read_number(scored, record, scored->actual[k], &scored->target[at + k], error)))
            return false;
    if (scored->classes) {
        const struct csv_field *actual = &record->field[scored->actual[0]];
        int64_t label = find_name(scored, actual->text, actual->size);

        if (label < 0)
            return error_set(error, ERROR_INVALID, "%s: line %lld: there is no column p[%.*s]",
                             scored->path, (long long)record->line,
                             actual->size < 40 ? (int)actual->size : 40, actual->text);
        scored->label[scored->n] = (int32_t)label;
    }
    scored->n++;
    return true;
}

static void reader_free(struct csv_reader **reader)
{
    if (*reader)
        csv_free(reader);
}

static bool read_file(struct scored *scored, struct error *error)
{
    scoped(reader_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;

    if (!csv_open(scored->path, ',', 0, &reader, error) || !csv_next(reader, &record, error) ||
        !find_columns(scored, record, error))
        return false;
    for (;;) {
        if (!csv_next(reader, &record, error))
            return false;
        if (!record)
            break;
        if (!read_row(scored, record, error))
            return false;
    }
    return scored->n > 0 || error_set(error, ERROR_INVALID, "%s: has no predictions", scored->path);
}

static bool check_alike(const struct scored *scored, const struct scored *first,
                        struct error *error)
{
    return (scored->n == first->n && scored->classes == first->classes &&
            scored->n_names == first->n_names) ||
           error_set(error, ERROR_INVALID,
                     "%s has not the rows and columns of %s: their scores are not of the same "
                     "truth",
                     scored->path, first->path);
}

/* ---- figures ----------------------------------------------------------------------------------*/

static bool measure(struct scored *scored, const struct kind_choices *metrics, struct error *error)
{
    const struct sample_set set = {
        .task = scored->classes ? TASK_CLASSIFICATION : TASK_REGRESSION,
        .n_samples = scored->n,
        .truth_steps = 1,
        .n_classes = scored->classes ? scored->n_names : 0,
        .label = scored->classes ? scored->label : NULL,
        .class_name = (const char *const *)scored->name,
        .n_targets = scored->classes ? 0 : scored->n_names,
        .target = scored->classes ? NULL : scored->target,
        .target_name = (const char *const *)scored->name,
    };
    scoped(memory_free) int64_t *row = malloc((size_t)scored->n * sizeof(*row));

    if (!row)
        return no_memory(error);
    for (int64_t i = 0; i < scored->n; i++)
        row[i] = i;
    return metric_check(metrics, set.task, NULL, "--metric", error) &&
           metric_evaluate(metrics, &set, NULL, row, scored->n, scored->prediction, NULL,
                           &scored->evaluation, error);
}

static bool score(const struct score_request *request, struct scored *scored,
                  const struct kind_choices *metrics, struct error *error)
{
    for (size_t i = 0; i < request->n_files; i++) {
        scored[i].path = request->file[i];
        if (!read_file(&scored[i], error) || !measure(&scored[i], metrics, error) ||
            !check_alike(&scored[i], &scored[0], error))
            return false;
    }
    return true;
}

/* A line a figure: its name, and each file's. */
static void print(const struct scored *scored, size_t n, FILE *out)
{
    (void)fprintf(out, "%lld rows", (long long)scored[0].n);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, " %s", scored[i].path);
    for (int64_t k = 0; k < scored[0].evaluation.n_values; k++) {
        const char *name = scored[0].evaluation.value[k].name;

        (void)fprintf(out, "\n%s", name);
        for (size_t i = 0; i < n; i++) {
            const struct metric_value *value = evaluation_find(&scored[i].evaluation, name);

            (void)fprintf(out, " %.9g", value ? value->value : (double)NAN);
        }
    }
    (void)fputc('\n', out);
}

static bool score_files(const struct score_request *request, FILE *out, struct error *error)
{
    struct scored *scored = calloc(request->n_files, sizeof(*scored));
    scoped(metric_choices_release) struct metric_choices wanted = {0};
    bool done;

    if (!scored)
        return no_memory(error);
    done = metric_choices_read(&wanted, request->metric, request->n_metrics, error) &&
           score(request, scored, &wanted.metrics, error);
    if (done)
        print(scored, request->n_files, out);
    for (size_t i = 0; i < request->n_files; i++)
        scored_release(&scored[i]);
    free(scored);
    return done;
}

bool pipeline_score(const struct score_request *request, FILE *out, struct error *error)
{
    struct score_request all = *request;
    bool actual;

    if (!request->mean)
        return score_files(request, out, error);
    if (request->n_files == SCORE_FILES_MAX)
        return error_set(error, ERROR_INVALID, "at most %d files are averaged",
                         SCORE_FILES_MAX - 1);
    if (!pipeline_merge(request->file, request->n_files, request->mean, &actual, error))
        return false;
    all.file[all.n_files++] = request->mean;
    return !actual || score_files(&all, out, error);
}

/* ---- for a picture ----------------------------------------------------------------------------*/

/* Of classes: whether it is the one. */
static double actual_of(const struct scored *scored, int64_t row, int64_t output)
{
    return scored->classes ? (double)(scored->label[row] == output)
                           : scored->target[row * scored->n_names + output];
}

static double predicted_of(const struct scored *scored, int64_t row, int64_t output)
{
    return scored->prediction[row * scored->n_names + output];
}

static bool add_figure(cJSON *list, double value)
{
    cJSON *item = cJSON_CreateNumber(value);

    return list && item && cJSON_AddItemToArray(list, item);
}

/* "mean" and "sd" of each output. */
static bool add_spread(const struct scored *scored,
                       double (*value)(const struct scored *scored, int64_t row, int64_t output),
                       cJSON *object)
{
    cJSON *means = json_add_array(object, "mean"), *sds = json_add_array(object, "sd");

    for (int64_t k = 0; k < scored->n_names; k++) {
        double mean = 0, squares = 0;

        for (int64_t i = 0; i < scored->n; i++)
            mean += value(scored, i, k) / (double)scored->n;
        for (int64_t i = 0; i < scored->n; i++)
            squares += (value(scored, i, k) - mean) * (value(scored, i, k) - mean);
        if (!add_figure(means, mean) || !add_figure(sds, sqrt(squares / (double)scored->n)))
            return false;
    }
    return means && sds;
}

static bool add_errors(const struct scored *scored, cJSON *object)
{
    cJSON *list = json_add_array(object, "rmse");

    for (int64_t k = 0; k < scored->n_names; k++) {
        double squares = 0;

        for (int64_t i = 0; i < scored->n; i++) {
            double d = predicted_of(scored, i, k) - actual_of(scored, i, k);

            squares += d * d;
        }
        if (!add_figure(list, sqrt(squares / (double)scored->n)))
            return false;
    }
    return list != NULL;
}

static bool add_points(const struct scored *scored, int64_t output, cJSON *object)
{
    int64_t n = scored->n < SCORE_POINTS_MAX ? scored->n : SCORE_POINTS_MAX;
    cJSON *list = output < 0 ? NULL : json_add_array(object, "points");

    for (int64_t i = 0; list && i < n; i++) {
        int64_t row = (int64_t)((double)i * (double)scored->n / (double)n);
        cJSON *pair = cJSON_CreateDoubleArray(
            (double[]){actual_of(scored, row, output), predicted_of(scored, row, output)}, 2);

        if (!pair || !cJSON_AddItemToArray(list, pair))
            return false;
    }
    return output < 0 || list;
}

/* Files may have their outputs in an order of their own: the first one's counts. */
static bool check_names(const struct scored *scored, const struct scored *first,
                        struct error *error)
{
    for (int64_t k = 0; k < first->n_names; k++)
        if (strcmp(scored->name[k], first->name[k]) != 0)
            return error_set(error, ERROR_INVALID, "%s has %s where %s has %s", scored->path,
                             scored->name[k], first->path, first->name[k]);
    return true;
}

/* The output whose rows are drawn, -1: there are several, and none is chosen. */
static bool choose_output(const struct scored *scored, const char *target, int64_t *ret,
                          struct error *error)
{
    *ret = target ? find_name(scored, target, strlen(target)) : scored->n_names == 1 ? 0 : -1;
    return *ret >= 0 || !target ||
           error_set(error, ERROR_INVALID, "%s: predicts no %s", scored->path, target);
}

static bool describe_file(const struct scored *scored, int64_t output, cJSON *list)
{
    cJSON *object = cJSON_CreateObject();

    return json_add_text(object, "path", scored->path) &&
           add_spread(scored, predicted_of, object) && add_errors(scored, object) &&
           add_points(scored, output, object) && cJSON_AddItemToArray(list, object);
}

static bool describe_outputs(const struct scored *scored, int n, int64_t output, cJSON **ret)
{
    scoped(json_free) cJSON *answer = cJSON_CreateObject();
    cJSON *names = json_add_array(answer, "outputs");
    cJSON *actual = json_add_object(answer, "actual"), *files = json_add_array(answer, "files");

    if (!names || !actual || !files || !json_add_integer(answer, "rows", scored[0].n) ||
        !json_add_boolean(answer, "classes", scored[0].classes) ||
        (output >= 0 && !json_add_text(answer, "target", scored[0].name[output])) ||
        !add_spread(&scored[0], actual_of, actual))
        return false;
    for (int64_t k = 0; k < scored[0].n_names; k++)
        if (!cJSON_AddItemToArray(names, cJSON_CreateString(scored[0].name[k])))
            return false;
    for (int i = 0; i < n; i++)
        if (!describe_file(&scored[i], output, files))
            return false;
    *ret = take(&answer);
    return true;
}

static bool read_files(const cJSON *files, struct scored *scored, struct error *error)
{
    const cJSON *file;
    int i = 0;

    cJSON_ArrayForEach(file, files)
    {
        scored[i].path = cJSON_IsString(file) ? file->valuestring : "";
        if (!read_file(&scored[i], error) || !check_alike(&scored[i], &scored[0], error) ||
            !check_names(&scored[i], &scored[0], error))
            return false;
        i++;
    }
    return true;
}

bool pipeline_score_outputs(FILE *in, FILE *out, struct error *error)
{
    scoped(json_free) cJSON *question = NULL;
    scoped(json_free) cJSON *answer = NULL;
    scoped(buffer_release) struct buffer text = {0};
    struct scored *scored = calloc(SCORE_FILES_MAX, sizeof(*scored));
    int64_t output;
    bool done;
    int n;

    if (!scored)
        return no_memory(error);
    done = question_read(in, &question, error);
    n = done ? cJSON_GetArraySize(json_member(question, "files")) : 0;
    if (done && (n < 1 || n > SCORE_FILES_MAX))
        done = error_set(error, ERROR_INVALID, "%d files are not 1 to %d", n, SCORE_FILES_MAX);
    done = done && read_files(json_member(question, "files"), scored, error) &&
           choose_output(&scored[0], json_text(question, "target", NULL), &output, error) &&
           (describe_outputs(scored, n, output, &answer) || no_memory(error)) &&
           json_print(answer, &text, error);
    if (done && fprintf(out, "%s\n", text.data) < 0)
        done = error_set_errno(error, errno, "writing the answer");
    for (int i = 0; i < n && i < SCORE_FILES_MAX; i++)
        scored_release(&scored[i]);
    free(scored);
    return done;
}
