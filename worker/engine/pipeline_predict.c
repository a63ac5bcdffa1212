/* A stored model on new rows. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/pipeline.h"

/* A run's folder holds its model in artifacts/. */
static bool find_model(const char *given, struct buffer *ret, struct error *error)
{
    struct stat status;

    if (stat(given, &status) == 0 && S_ISDIR(status.st_mode))
        return buffer_append_format(ret, error, "%s/artifacts/model.h5", given);
    return buffer_append_text(ret, given, error);
}

static bool import_new(const struct stored_model *stored, const char *path,
                       struct dataset **ret_dataset, struct error *error)
{
    const struct preparation *preparation = stored->preparation;
    scoped(memory_free) struct feature_wish *wish =
        calloc((size_t)preparation->n_features + 1, sizeof(*wish));

    if (!wish)
        return error_set(error, ERROR_NO_MEMORY, "predicting");
    for (int64_t i = 0; i < preparation->n_features; i++)
        wish[i] = (struct feature_wish){preparation->feature[i].name,
                                        preparation->feature[i].categorical};
    return dataset_import_new(&stored->spec.data, path, wish, preparation->n_features, ret_dataset,
                              error);
}

static bool write_all(const struct stored_model *stored, const struct samples *samples,
                      int64_t batch, struct buffer *out, struct error *error)
{
    scoped(row_list_release) struct row_list list = {0};

    return samples_list_all(samples, &list, error) &&
           pipeline_write_predictions(stored->model, samples, list.row, list.n, batch, false, out,
                                      error);
}

bool pipeline_predict(const struct predict_request *request, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0}, out = {0};
    scoped(stored_model_release) struct stored_model stored = {0};
    scoped(dataset_free) struct dataset *dataset = NULL;
    scoped(samples_free) struct samples *samples = NULL;

    if (!find_model(request->model, &path, error) || !model_file_read(path.data, &stored, error) ||
        !import_new(&stored, request->data, &dataset, error) ||
        !samples_make(dataset, stored.preparation, window_find(&stored.spec.prepare), &samples,
                      error) ||
        !write_all(&stored, samples, request->batch, &out, error))
        return false;
    if (samples->n_unknown > 0)
        (void)fprintf(stderr,
                      "warning: %lld of %lld rows have a category that the model has never "
                      "seen\n",
                      (long long)samples->n_unknown, (long long)dataset->n_rows);
    if (strcmp(request->output, "-") == 0)
        return file_write_whole(STDOUT_FILENO, out.data, out.size, error);
    return file_replace(AT_FDCWD, request->output, out.data, out.size, error);
}
