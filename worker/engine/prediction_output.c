#include "worker/engine/prediction_output.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/hdf5.h"
#include "worker/engine/prepared/spill.h"

struct prediction_output {
    int fd;                     /* standard output is not ours to close; -1: not open yet */
    char *path, *aside;         /* owned; aside NULL: standard output */
    bool text;                  /* CSV, else HDF5 */
    bool begun;                 /* the header or the arrays are there */
    struct hdf5_array array[2]; /* of HDF5: ids, predictions */
    int64_t n_done;             /* rows that lie in them */
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "writing predictions");
}

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);

    return size > tail && strcmp(text + size - tail, end) == 0;
}

void prediction_output_free(struct prediction_output **output)
{
    struct prediction_output *gone = *output;

    if (!gone)
        return;
    if (gone->aside) {
        descriptor_close(&gone->fd);
        (void)unlink(gone->aside);
    }
    free(gone->aside);
    free(gone->path);
    free(take(output));
}

bool prediction_output_open(const char *path, struct prediction_output **ret, struct error *error)
{
    scoped(prediction_output_free) struct prediction_output *output = calloc(1, sizeof(*output));

    if (!output || !(output->path = strdup(path)))
        return no_memory(error);
    output->fd = STDOUT_FILENO;
    output->text = !ends_in(path, ".h5");
    if (strcmp(path, "-") == 0) {
        *ret = take(&output);
        return true;
    }
    if (output->text && !ends_in(path, ".csv"))
        return error_set(error, ERROR_INVALID, "%s: predictions go to a .csv or .h5 file", path);
    output->fd = -1;
    if (asprintf(&output->aside, "%s.new", path) < 0) {
        output->aside = NULL;
        return no_memory(error);
    }
    /* one that cannot be written is told before anything is predicted */
    if (!file_open(AT_FDCWD, output->aside, O_RDWR | O_CREAT | O_TRUNC, &output->fd, error))
        return false;
    *ret = take(&output);
    return true;
}

bool prediction_output_is_text(const struct prediction_output *output)
{
    return output->text;
}

static bool check(const struct predicted_piece *piece, struct error *error)
{
    for (int64_t i = 0; i < piece->n * piece->width; i++)
        if (!isfinite(piece->prediction[i]))
            return error_set(
                error, ERROR_INVALID, "%s: the prediction for row %lld is %g",
                piece->samples->dataset->path,
                (long long)dataset_file_row(piece->samples->dataset, piece->row[i / piece->width]),
                piece->prediction[i]);
    return true;
}

/* ---- writing ----------------------------------------------------------------------------------*/

static bool put_text(struct prediction_output *output, const struct predicted_piece *piece,
                     struct error *error)
{
    scoped(buffer_release) struct buffer header = {0};

    if (!output->begun &&
        (!pipeline_write_header(piece->samples, piece->distribution, false, &header, error) ||
         !file_write_whole(output->fd, header.data, header.size, error)))
        return false;
    output->begun = true;
    return file_write_whole(output->fd, piece->text->data, piece->text->size, error);
}

static bool add_names(cJSON *object, const char *what, const char *const *name, int64_t n)
{
    cJSON *list = cJSON_CreateStringArray(name, (int)n);

    return json_add_item(object, what, &list);
}

static bool print_names(const struct predicted_piece *piece, struct buffer *ret,
                        struct error *error)
{
    const struct sample_set *set = &piece->samples->set;
    const struct dataset *dataset = piece->samples->dataset;
    bool classes = set->task == TASK_CLASSIFICATION;
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    const char *ids[16] = {"row"};
    int64_t n_ids = dataset->n_ids < 16 ? dataset->n_ids : 16;

    for (int64_t i = 0; i < n_ids; i++)
        ids[i] = dataset->id[i].name;
    if (!add_names(object, "columns", classes ? set->class_name : set->target_name,
                   classes ? set->n_classes : set->n_targets) ||
        !add_names(object, "ids", ids, n_ids > 0 ? n_ids : 1) ||
        (piece->compute && !cJSON_AddStringToObject(object, "compute", piece->compute)))
        return no_memory(error);
    return json_print(object, ret, error);
}

/* The arrays have their places before they have values. */
static bool make_arrays(struct prediction_output *output, const struct predicted_piece *piece,
                        int64_t n_ids, struct error *error)
{
    scoped(buffer_release) struct buffer names = {0};

    output->array[0] =
        (struct hdf5_array){.name = "id", .type = HDF5_INT64, .rows = piece->all, .columns = n_ids};
    output->array[1] = (struct hdf5_array){
        .name = "prediction", .type = HDF5_FLOAT64, .rows = piece->all, .columns = piece->width};
    output->begun = true;
    descriptor_close(&output->fd);
    return print_names(piece, &names, error) &&
           hdf5_create_arrays(output->aside, names.data, output->array, 2, error) &&
           file_open(AT_FDCWD, output->aside, O_RDWR, &output->fd, error);
}

static bool put_rows(const struct prediction_output *output, int which, const void *data, int64_t n,
                     struct error *error)
{
    const struct hdf5_array *array = &output->array[which];
    int64_t row = array->columns * (int64_t)sizeof(int64_t); /* either type's */

    return spill_put(output->fd, data, n * row, array->offset + output->n_done * row, error);
}

static bool put_numbers(struct prediction_output *output, const struct predicted_piece *piece,
                        struct error *error)
{
    const struct dataset *dataset = piece->samples->dataset;
    int64_t n_ids = dataset->n_ids > 0 ? dataset->n_ids : 1;
    scoped(memory_free) int64_t *id = malloc((size_t)(piece->n * n_ids + 1) * sizeof(*id));

    if (!id)
        return no_memory(error);
    for (int64_t k = 0; k < n_ids; k++) {
        if (dataset->n_ids > 0 && !dataset->id[k].integer)
            return error_set(error, ERROR_INVALID,
                             "%s: the ids in '%s' are texts, which a .csv file can hold",
                             output->path, dataset->id[k].name);
        for (int64_t i = 0; i < piece->n; i++)
            id[i * n_ids + k] = dataset->n_ids > 0 ? dataset->id[k].integer[piece->row[i]]
                                                   : dataset_file_row(dataset, piece->row[i]);
    }
    if ((!output->begun && !make_arrays(output, piece, n_ids, error)) ||
        !put_rows(output, 0, id, piece->n, error) ||
        !put_rows(output, 1, piece->prediction, piece->n, error))
        return false;
    output->n_done += piece->n;
    return true;
}

bool prediction_output_put(struct prediction_output *output, const struct predicted_piece *piece,
                           struct error *error)
{
    return piece->n == 0 ||
           (check(piece, error) &&
            (output->text ? put_text(output, piece, error) : put_numbers(output, piece, error)));
}

bool prediction_output_commit(struct prediction_output *output, struct error *error)
{
    if (!output->aside)
        return true;
    if (!file_sync(output->fd, error) || !file_rename(AT_FDCWD, output->aside, output->path, error))
        return false;
    descriptor_close(&output->fd);
    free(take(&output->aside));
    return true;
}
