/*
 * Files of predictions beside one another: tables as a run leaves them (predictions.csv), each
 * measured by what it says is true. Columns: "actual", "predicted" and "p[class]" of classes, or
 * "actual[y]" and "predicted[y]" of each target; any others are not looked at.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/pipeline.h"

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
        if (!read_file(&scored[i], error) || !measure(&scored[i], metrics, error))
            return false;
        if (scored[i].n != scored[0].n || scored[i].classes != scored[0].classes ||
            scored[i].n_names != scored[0].n_names)
            return error_set(error, ERROR_INVALID,
                             "%s has not the rows and columns of %s: their scores are not of the "
                             "same truth",
                             scored[i].path, scored[0].path);
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

bool pipeline_score(const struct score_request *request, FILE *out, struct error *error)
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
