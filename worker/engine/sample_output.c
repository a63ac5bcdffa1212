#include "worker/engine/sample_output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/split/split.h"
#include "worker/engine/hdf5.h"
#include "worker/engine/prepared/spill.h"

#define BATCH_VALUES ((int64_t)1 << 20)
#define BATCH_MAX 1024

/* Arrays after those of the inputs. */
enum { ARRAY_LENGTH, ARRAY_TRUTH, ARRAY_ID, ARRAY_PART, ARRAYS_BESIDE };

struct sample_output {
    const struct samples *samples; /* borrowed */
    char *path, *aside;            /* owned; aside NULL: committed */
    int fd;                        /* owned */
    bool text;
    int64_t batch, n_done;
    struct tensor x[SAMPLE_INPUTS_MAX]; /* own their data */
    int32_t *length[SAMPLE_INPUTS_MAX]; /* owned; NULL: the input does not vary */
    int n_inputs;
    struct hdf5_array array[SAMPLE_INPUTS_MAX + ARRAYS_BESIDE]; /* of the inputs, then those */
    int64_t n_ids;
    bool ids_are_rows; /* of the file */
    void *piece;       /* owned: what goes to an array next */
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "writing samples");
}

void sample_output_free(struct sample_output **output)
{
    struct sample_output *gone = *output;

    if (!gone)
        return;
    descriptor_close(&gone->fd);
    if (gone->aside)
        (void)unlink(gone->aside);
    for (int i = 0; i < SAMPLE_INPUTS_MAX; i++) {
        free(gone->x[i].data);
        free(gone->length[i]);
    }
    free(gone->piece);
    free(gone->aside);
    free(gone->path);
    free(take(output));
}

int64_t sample_output_batch(const struct sample_output *output)
{
    return output->batch;
}

static bool classes(const struct sample_output *output)
{
    return output->samples->set.task == TASK_CLASSIFICATION;
}

/* ---- names ------------------------------------------------------------------------------------*/

/* Columns of an input, in their order within a step. */
static bool add_columns(const struct sample_output *output, int input, cJSON *list)
{
    const struct preparation *preparation = output->samples->preparation;

    for (int64_t i = 0; i < preparation->width; i++) {
        const struct prepared_column *column = &preparation->column[i];

        if (column->input == input && !cJSON_AddItemToArray(list, cJSON_CreateString(column->name)))
            return false;
    }
    return true;
}

static bool add_names(cJSON *object, const char *what, const char *const *name, int64_t n)
{
    cJSON *list = cJSON_CreateStringArray(name, (int)n);

    return json_add_item(object, what, &list);
}

static bool add_ids(const struct sample_output *output, cJSON *meta)
{
    const struct dataset *dataset = output->samples->dataset;
    cJSON *list = json_add_array(meta, "ids");

    for (int64_t i = 0; list && i < output->n_ids; i++)
        if (!cJSON_AddItemToArray(
                list, cJSON_CreateString(output->ids_are_rows ? "row" : dataset->id[i].name)))
            return false;
    return list != NULL;
}

static bool complete_meta(const struct sample_output *output, cJSON *meta, struct error *error)
{
    const struct sample_set *set = &output->samples->set;
    cJSON *inputs = json_add_object(meta, "columns");

    for (int i = 0; inputs && i < output->n_inputs; i++) {
        cJSON *list = json_add_array(inputs, output->array[i].name);

        if (!list || !add_columns(output, i, list))
            return no_memory(error);
    }
    return (inputs && add_names(meta, "parts", split_part_name, SPLIT_PART_COUNT) &&
            add_names(meta, "targets", set->target_name, classes(output) ? 1 : set->n_targets) &&
            (!classes(output) || add_names(meta, "classes", set->class_name, set->n_classes)) &&
            add_ids(output, meta)) ||
           no_memory(error);
}

/* ---- opening ----------------------------------------------------------------------------------*/

/* "x", and "x.Procedure" of another input where that is a good name. */
static void name_array(struct hdf5_array *array, const char *input, int number)
{
    bool fits = strlen(input) + 3 <= sizeof(array->name) && !strchr(input, '/');

    if (number == 0)
        (void)snprintf(array->name, sizeof(array->name), "x");
    else if (fits)
        (void)snprintf(array->name, sizeof(array->name), "x.%s", input);
    else
        (void)snprintf(array->name, sizeof(array->name), "x.%d", number);
}

static void shape_arrays(struct sample_output *output, int64_t n)
{
    const struct sample_set *set = &output->samples->set;
    struct hdf5_array *beside = output->array + output->n_inputs;

    for (int i = 0; i < output->n_inputs; i++) {
        const struct shape *shape = &set->input[i].shape;

        output->array[i] = (struct hdf5_array){.type = HDF5_FLOAT32,
                                               .rows = n,
                                               .steps = shape->steps > 1 ? shape->steps : 0,
                                               .columns = shape->width};
        name_array(&output->array[i], set->input[i].name, i);
    }
    beside[ARRAY_LENGTH] = (struct hdf5_array){
        .name = "length", .type = HDF5_INT32, .rows = n, .columns = output->length[0] ? 1 : 0};
    beside[ARRAY_TRUTH] = (struct hdf5_array){
        .type = classes(output) ? HDF5_INT32 : HDF5_FLOAT64,
        .rows = n,
        .steps = set->truth_steps > 1 ? set->truth_steps : 0,
        .columns = classes(output) ? 1 : set->n_targets,
    };
    (void)snprintf(beside[ARRAY_TRUTH].name, sizeof(beside[ARRAY_TRUTH].name), "%s",
                   classes(output) ? "label" : "target");
    beside[ARRAY_ID] =
        (struct hdf5_array){.name = "id", .type = HDF5_INT64, .rows = n, .columns = output->n_ids};
    beside[ARRAY_PART] =
        (struct hdf5_array){.name = "part", .type = HDF5_INT32, .rows = n, .columns = 1};
}

/* For tensors, and for as much of the widest array. */
static bool make_room(struct sample_output *output, struct error *error)
{
    const struct sample_set *set = &output->samples->set;
    int64_t values = output->n_ids + set->truth_steps * (set->n_targets + 1);
    bool good = true;

    for (int i = 0; i < set->n_inputs; i++)
        values += set->input[i].shape.steps * set->input[i].shape.width;
    output->batch = BATCH_VALUES / values;
    output->batch = output->batch < 1 ? 1 : output->batch > BATCH_MAX ? BATCH_MAX : output->batch;
    for (int i = 0; i < set->n_inputs; i++) {
        const struct shape shape = set->input[i].shape;
        size_t size = (size_t)(output->batch * shape.steps * shape.width);

        output->x[i] = (struct tensor){
            .data = calloc(size, sizeof(real)), .steps = shape.steps, .width = shape.width};
        if (set->input[i].varies)
            output->length[i] = calloc((size_t)output->batch, sizeof(*output->length[i]));
        good = good && output->x[i].data && (!set->input[i].varies || output->length[i]);
    }
    output->piece = calloc((size_t)(output->batch * values), sizeof(double));
    return (good && output->piece) || no_memory(error);
}

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);

    return size > tail && strcmp(text + size - tail, end) == 0;
}

bool sample_output_is_text(const char *path)
{
    return ends_in(path, ".csv");
}

static void choose_ids(struct sample_output *output)
{
    const struct dataset *dataset = output->samples->dataset;

    output->ids_are_rows = dataset->n_ids == 0;
    for (int64_t i = 0; i < dataset->n_ids; i++)
        output->ids_are_rows = output->ids_are_rows || !dataset->id[i].integer;
    output->n_ids = output->ids_are_rows ? 1 : dataset->n_ids;
}

static bool write_header(const struct sample_output *output, struct error *error);

static bool open_file(struct sample_output *output, const cJSON *meta, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    if (output->text)
        return file_open(AT_FDCWD, output->aside, O_RDWR | O_CREAT | O_TRUNC, &output->fd, error) &&
               write_header(output, error);
    return json_print(meta, &text, error) &&
           hdf5_create_arrays(output->aside, text.data, output->array,
                              output->n_inputs + ARRAYS_BESIDE, error) &&
           file_open(AT_FDCWD, output->aside, O_RDWR, &output->fd, error);
}

bool sample_output_open(const char *path, const struct samples *samples, int64_t n, cJSON **meta,
                        struct sample_output **ret, struct error *error)
{
    scoped(sample_output_free) struct sample_output *output = calloc(1, sizeof(*output));
    scoped(json_free) cJSON *told = take(meta);

    if (!output)
        return no_memory(error);
    output->fd = -1;
    output->samples = samples;
    output->n_inputs = samples->set.n_inputs;
    output->text = sample_output_is_text(path);
    if (!output->text && !ends_in(path, ".h5"))
        return error_set(error, ERROR_INVALID, "%s: samples go to a .csv or .h5 file", path);
    if (output->text && samples->set.truth_steps > 1)
        return error_set(error, ERROR_INVALID, "%s: targets of each step go to an .h5 file", path);
    output->path = strdup(path);
    if (!output->path || asprintf(&output->aside, "%s.new", path) < 0)
        return no_memory(error);
    choose_ids(output);
    if (!make_room(output, error))
        return false;
    shape_arrays(output, n);
    if (!complete_meta(output, told, error) || !open_file(output, told, error))
        return false;
    *ret = take(&output);
    return true;
}

/* ---- HDF5 -------------------------------------------------------------------------------------*/

/* What is at `piece`, for n samples. */
static bool put_piece(const struct sample_output *output, int which, int64_t n, struct error *error)
{
    const struct hdf5_array *array = &output->array[which];
    int64_t bytes = hdf5_array_bytes(array) / array->rows;

    return spill_put(output->fd, output->piece, n * bytes, array->offset + output->n_done * bytes,
                     error);
}

/* Sample by sample. */
static bool put_input(struct sample_output *output, int input, int64_t n, struct error *error)
{
    const struct tensor *x = &output->x[input];
    float *to = output->piece;

    for (int64_t i = 0; i < n; i++)
        for (int64_t step = 0; step < x->steps; step++)
            for (int64_t k = 0; k < x->width; k++)
                *to++ = (float)x->data[(step * x->rows + i) * x->width + k];
    return put_piece(output, input, n, error);
}

/* The label or the targets of one step; of one that the sample has not, -1 or NAN. */
static void *write_step(const struct sample_set *set, int64_t entry, bool there, void *to)
{
    int32_t *label = to;
    double *target = to;

    if (set->task == TASK_CLASSIFICATION) {
        *label = there ? set->label[entry] : -1;
        return label + 1;
    }
    for (int64_t k = 0; k < set->n_targets; k++)
        *target++ = there ? sample_target(set, entry)[k] : (double)NAN;
    return target;
}

static bool put_truth(struct sample_output *output, const int64_t *row, int64_t n,
                      struct error *error)
{
    const struct sample_set *set = &output->samples->set;
    void *to = output->piece;

    for (int64_t i = 0; i < n; i++) {
        struct truth_span span = sample_truth(set, row[i]);

        for (int64_t step = 0; step < set->truth_steps; step++)
            to = write_step(set, span.first + step - span.step,
                            step >= span.step && step < span.step + span.n, to);
    }
    return put_piece(output, output->n_inputs + ARRAY_TRUTH, n, error);
}

static bool put_ids(struct sample_output *output, const int64_t *row, int64_t n,
                    struct error *error)
{
    const struct dataset *dataset = output->samples->dataset;
    int64_t *to = output->piece;

    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < output->n_ids; k++)
            *to++ = output->ids_are_rows ? dataset_file_row(dataset, row[i])
                                         : dataset->id[k].integer[row[i]];
    return put_piece(output, output->n_inputs + ARRAY_ID, n, error);
}

static bool put_numbers(struct sample_output *output, const int64_t *row, int64_t n, int part,
                        struct error *error)
{
    int32_t *to = output->piece;

    for (int i = 0; i < output->n_inputs; i++)
        if (!put_input(output, i, n, error))
            return false;
    if (output->length[0]) {
        memcpy(to, output->length[0], (size_t)n * sizeof(*to));
        if (!put_piece(output, output->n_inputs + ARRAY_LENGTH, n, error))
            return false;
    }
    if (!put_truth(output, row, n, error) || !put_ids(output, row, n, error))
        return false;
    for (int64_t i = 0; i < n; i++)
        to[i] = part;
    return put_piece(output, output->n_inputs + ARRAY_PART, n, error);
}

/* ---- CSV --------------------------------------------------------------------------------------*/

/* "r", of a later step "r[1]"; a word's step is in its name. */
static bool write_column(const struct sample_output *output, int64_t column, int64_t step,
                         struct buffer *out, struct error *error)
{
    const char *name = output->samples->preparation->column[column].name;
    scoped(buffer_release) struct buffer text = {0};

    return (step == 0 ? buffer_append_text(&text, name, error)
                      : buffer_append_format(&text, error, "%s[%" PRId64 "]", name, step)) &&
           csv_write_field(out, text.data, false, error);
}

static bool write_header(const struct sample_output *output, struct error *error)
{
    const struct sample_set *set = &output->samples->set;
    const struct preparation *preparation = output->samples->preparation;
    scoped(buffer_release) struct buffer line = {0};
    int64_t n_targets = classes(output) ? 1 : set->n_targets;

    if (!dataset_write_id_header(output->samples->dataset, &line, error) ||
        !buffer_append_text(&line, ",part", error))
        return false;
    for (int64_t step = 0; step < preparation->steps; step++)
        for (int64_t i = 0; i < preparation->width; i++)
            if (!write_column(output, i, step, &line, error))
                return false;
    for (int64_t i = 0; i < n_targets; i++)
        if (!csv_write_field(&line, set->target_name[i], false, error))
            return false;
    return buffer_append_text(&line, "\n", error) &&
           file_write_whole(output->fd, line.data, line.size, error);
}

/* Steps that a sample has not are empty. */
static bool write_values(const struct sample_output *output, int64_t i, struct buffer *out,
                         struct error *error)
{
    const struct preparation *preparation = output->samples->preparation;

    for (int64_t step = 0; step < preparation->steps; step++)
        for (int64_t k = 0; k < preparation->width; k++) {
            const struct prepared_column *column = &preparation->column[k];
            const struct tensor *x = &output->x[column->input];
            const int32_t *length = output->length[0];
            int64_t at = (column->step + step) * x->rows + i;

            if (preparation->steps > 1 && length && step >= length[i]
                    ? !buffer_append_text(out, ",", error)
                    : !buffer_append_format(out, error, ",%.9g",
                                            (double)x->data[at * x->width + column->at]))
                return false;
        }
    return true;
}

static bool write_truth(const struct sample_output *output, int64_t row, struct buffer *out,
                        struct error *error)
{
    const struct sample_set *set = &output->samples->set;

    if (classes(output))
        return csv_write_field(out, set->class_name[set->label[row]], false, error);
    for (int64_t i = 0; i < set->n_targets; i++)
        if (!buffer_append_format(out, error, ",%.17g", sample_target(set, row)[i]))
            return false;
    return true;
}

static bool put_text(struct sample_output *output, const int64_t *row, int64_t n, int part,
                     struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    for (int64_t i = 0; i < n; i++)
        if (!dataset_write_id(output->samples->dataset, row[i], &text, error) ||
            !buffer_append_format(&text, error, ",%s", split_part_name[part]) ||
            !write_values(output, i, &text, error) || !write_truth(output, row[i], &text, error) ||
            !buffer_append_text(&text, "\n", error))
            return false;
    return n == 0 || file_write_whole(output->fd, text.data, text.size, error);
}

/* ---- both -------------------------------------------------------------------------------------*/

bool sample_output_put(struct sample_output *output, const int64_t *row, int64_t n, int part,
                       struct error *error)
{
    const struct sample_set *set = &output->samples->set;

    if (n == 0)
        return true;
    for (int i = 0; i < output->n_inputs; i++)
        output->x[i].rows = n;
    set->gather(set, row, n, output->x, output->length);
    if (!(output->text ? put_text(output, row, n, part, error)
                       : put_numbers(output, row, n, part, error)))
        return false;
    output->n_done += n;
    return true;
}

bool sample_output_commit(struct sample_output *output, int64_t *ret_bytes, struct error *error)
{
    struct stat status;

    if (!file_sync(output->fd, error))
        return false;
    if (fstat(output->fd, &status) != 0)
        return error_set_errno(error, errno, "%s", output->aside);
    if (!file_rename(AT_FDCWD, output->aside, output->path, error))
        return false;
    *ret_bytes = status.st_size;
    free(take(&output->aside));
    return true;
}
