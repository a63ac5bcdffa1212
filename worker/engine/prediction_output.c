#include "worker/engine/prediction_output.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/hdf5.h"

struct prediction_output {
    int fd;                 /* of CSV; standard output is not ours to close */
    struct hdf5_file *file; /* of HDF5 */
    char *path, *aside;     /* owned; aside NULL: standard output or HDF5 */
    bool begun;
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
    hdf5_close(&gone->file);
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
    if (ends_in(path, ".h5")) {
        if (!hdf5_create(path, &output->file, error))
            return false;
    } else if (ends_in(path, ".csv")) {
        if (asprintf(&output->aside, "%s.new", path) < 0) {
            output->aside = NULL;
            return no_memory(error);
        }
        output->fd = -1;
        if (!file_open(AT_FDCWD, output->aside, O_WRONLY | O_CREAT | O_TRUNC, &output->fd, error))
            return false;
    } else if (strcmp(path, "-") != 0) {
        return error_set(error, ERROR_INVALID, "%s: predictions go to a .csv or .h5 file", path);
    }
    *ret = take(&output);
    return true;
}

bool prediction_output_is_text(const struct prediction_output *output)
{
    return !output->file;
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

    if (!output->begun && (!pipeline_write_header(piece->samples, false, &header, error) ||
                           !file_write_whole(output->fd, header.data, header.size, error)))
        return false;
    output->begun = true;
    return file_write_whole(output->fd, piece->text->data, piece->text->size, error);
}

static bool write_names(struct hdf5_file *file, const char *path, const char *const *name,
                        int64_t n, struct error *error)
{
    scoped(json_free) cJSON *list = cJSON_CreateStringArray(name, (int)n);
    scoped(buffer_release) struct buffer text = {0};

    if (!list)
        return no_memory(error);
    return json_print(list, &text, error) && hdf5_write_text(file, path, text.data, error);
}

static bool write_columns(struct prediction_output *output, const struct predicted_piece *piece,
                          struct error *error)
{
    const struct sample_set *set = &piece->samples->set;
    bool classes = set->task == TASK_CLASSIFICATION;
    const char *ids[16] = {"row"};
    int64_t n_ids = piece->samples->dataset->n_ids;

    for (int64_t i = 0; i < n_ids && i < 16; i++)
        ids[i] = piece->samples->dataset->id[i].name;
    return write_names(output->file, "/columns", classes ? set->class_name : set->target_name,
                       classes ? set->n_classes : set->n_targets, error) &&
           write_names(output->file, "/ids", ids, n_ids > 0 ? n_ids : 1, error);
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
    if (!output->begun && !write_columns(output, piece, error))
        return false;
    output->begun = true;
    return hdf5_append_rows(output->file, "/id", HDF5_INT64, id, piece->n, n_ids, error) &&
           hdf5_append_rows(output->file, "/prediction", HDF5_FLOAT64, piece->prediction, piece->n,
                            piece->width, error);
}

bool prediction_output_put(struct prediction_output *output, const struct predicted_piece *piece,
                           struct error *error)
{
    return piece->n == 0 ||
           (check(piece, error) &&
            (output->file ? put_numbers(output, piece, error) : put_text(output, piece, error)));
}

bool prediction_output_commit(struct prediction_output *output, struct error *error)
{
    if (output->file)
        return hdf5_commit(&output->file, error);
    if (!output->aside)
        return true;
    if (!file_sync(output->fd, error) || !file_rename(AT_FDCWD, output->aside, output->path, error))
        return false;
    descriptor_close(&output->fd);
    free(take(&output->aside));
    return true;
}
