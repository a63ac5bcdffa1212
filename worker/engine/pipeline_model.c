/* The model file: what a model needs to predict on another day, in another place. */
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/hdf5.h"
#include "worker/engine/model/outside.h"
#include "worker/engine/pipeline.h"

#define MODEL_FORMAT "nightjar-model 2"
#define TEXT_LIMIT ((size_t)256 * 1024 * 1024)

/* "dense1.weight" lies at /weights/dense1/weight. */
static void array_path(const struct model_array *array, char *path, size_t size)
{
    (void)snprintf(path, size, "/weights/%s", array->name);
    for (char *at = path; (at = strchr(at, '.'));)
        *at = '/';
}

static bool write_json(struct hdf5_file *file, const char *path, const cJSON *json,
                       struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    return json_print(json, &text, error) && hdf5_write_text(file, path, text.data, error);
}

static bool write_arrays(struct hdf5_file *file, struct model *model, struct error *error)
{
    struct model_array array;
    char path[160];

    for (int64_t i = 0; model_array(model, i, &array); i++) {
        array_path(&array, path, sizeof(path));
        if (!hdf5_write_reals(file, path, array.value, array.rows, array.columns, error))
            return false;
    }
    return true;
}

static bool write_pieces(struct hdf5_file *file, struct model *model, struct error *error)
{
    for (int64_t i = 0; i < model->n_pieces; i++) {
        const char *data;
        uint64_t size;
        char path[64];

        (void)snprintf(path, sizeof(path), "/pieces/%lld", (long long)i);
        if (!model->kind->save(model, i, &data, &size, error) ||
            !hdf5_write_bytes(file, path, data, size, error))
            return false;
    }
    return true;
}

bool model_file_write(const char *path, struct model *model, const cJSON *spec,
                      const struct preparation *preparation, const cJSON *provenance,
                      struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    scoped(json_free) cJSON *fitted = preparation_json(preparation);

    if (!fitted)
        return error_set(error, ERROR_NO_MEMORY, "writing %s", path);
    return hdf5_create(path, &file, error) &&
           hdf5_write_text(file, "/format", MODEL_FORMAT, error) &&
           write_json(file, "/spec", spec, error) &&
           write_json(file, "/preparation", fitted, error) &&
           write_json(file, "/provenance", provenance, error) && write_arrays(file, model, error) &&
           write_pieces(file, model, error) && hdf5_commit(&file, error);
}

void stored_model_release(struct stored_model *stored)
{
    model_free(&stored->model);
    preparation_free(&stored->preparation);
    engine_spec_release(&stored->spec);
}

static bool read_json(struct hdf5_file *file, const char *path, cJSON **ret, struct error *error)
{
    scoped(memory_free) char *text = NULL;

    return hdf5_read_text(file, path, TEXT_LIMIT, &text, error) &&
           json_parse(text, strlen(text), ret, error);
}

static bool read_spec(struct hdf5_file *file, struct engine_spec *spec, struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;

    if (!read_json(file, "/spec", &json, error))
        return false;
    if (engine_spec_parse(json, true, spec, &diagnostics))
        return true;
    return error_set_at(error, ERROR_CORRUPT, diagnostics.n ? diagnostics.item[0].path : "",
                        "the model's spec: %s",
                        diagnostics.n ? diagnostics.item[0].message : "out of memory");
}

/* A run's folder has its spec beside its model, also before there is one. */
static bool read_run_spec(const char *folder, cJSON **ret, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(memory_free) char *text = NULL;
    size_t size;

    return buffer_append_format(&path, error, "%s/spec.json", folder) &&
           file_read(AT_FDCWD, path.data, TEXT_LIMIT, &text, &size, error) &&
           (json_parse(text, size, ret, error) || error_wrap(error, "%s", path.data));
}

bool model_file_precision(const char *given, enum train_precision *ret, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    scoped(json_free) cJSON *json = NULL;
    struct stat status;
    bool folder = stat(given, &status) == 0 && S_ISDIR(status.st_mode);

    if (!(folder ? read_run_spec(given, &json, error)
                 : hdf5_open(given, &file, error) && read_json(file, "/spec", &json, error)))
        return false;
    *ret = train_precision_of(folder ? json_member(json, "spec") : json);
    return true;
}

static bool read_arrays(struct hdf5_file *file, struct model *model, struct error *error)
{
    struct model_array array;
    char path[160];

    for (int64_t i = 0; model_array(model, i, &array); i++) {
        array_path(&array, path, sizeof(path));
        if (!hdf5_read_reals(file, path, array.value, array.rows, array.columns, error))
            return false;
    }
    return true;
}

/* Ours say so in /format. */
static bool is_ours(const char *path)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    scoped(memory_free) char *format = NULL;
    struct error other = {0};

    return hdf5_open(path, &file, &other) && hdf5_read_text(file, "/format", 64, &format, &other);
}

static bool take_outside(const char *path, const struct start_config *start, struct model *model,
                         int64_t *ret_taken, int64_t *ret_all, struct error *error)
{
    scoped(outside_free) struct outside *outside = NULL;
    struct model_array array;

    if (!outside_open(path, &start->names, &outside, error) ||
        !outside_check_names(outside, model, error))
        return false;
    for (; model_array(model, *ret_all, &array); ++*ret_all) {
        if (fnmatch(start->match, array.name, 0) != 0)
            continue;
        if (!outside_read(outside, model, *ret_all, error))
            return false;
        ++*ret_taken;
    }
    return true;
}

bool model_file_take(const char *path, const struct start_config *start, struct model *model,
                     int64_t *ret_taken, int64_t *ret_all, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    struct model_array array;
    char at[160];

    *ret_taken = *ret_all = 0;
    if (file_exists(AT_FDCWD, path) && !is_ours(path))
        return take_outside(path, start, model, ret_taken, ret_all, error);
    if (!hdf5_open(path, &file, error))
        return false;
    if (start->names.n > 0)
        return error_set_at(error, ERROR_INVALID, "train.start.names",
                            "%s is a model of ours, whose layers are called alike", path);
    for (; model_array(model, *ret_all, &array); ++*ret_all) {
        if (fnmatch(start->match, array.name, 0) != 0)
            continue;
        array_path(&array, at, sizeof(at));
        if (!hdf5_read_reals(file, at, array.value, array.rows, array.columns, error))
            return error_wrap(error, "%s: %s", path, array.name);
        ++*ret_taken;
    }
    return true;
}

static bool read_pieces(struct hdf5_file *file, struct model *model, struct error *error)
{
    for (int64_t i = 0; i < model->n_pieces; i++) {
        scoped(memory_free) void *data = NULL;
        uint64_t size;
        char path[64];

        (void)snprintf(path, sizeof(path), "/pieces/%lld", (long long)i);
        if (!hdf5_read_bytes(file, path, &data, &size, error) ||
            !model->kind->load(model, i, data, size, error))
            return false;
    }
    return true;
}

/* Double weights that are rounded would not predict what their model did. */
static bool check_precision(const struct engine_spec *spec, struct error *error)
{
    return spec->train.precision == PRECISION_FLOAT32 || sizeof(real) == sizeof(double) ||
           error_set_at(
               error, ERROR_INVALID, "train.precision",
               "the model is float64's, and so has to be what uses it: precision: float64");
}

static bool read_origin(struct hdf5_file *file, struct stored_model *stored, struct error *error)
{
    scoped(memory_free) char *format = NULL;
    scoped(json_free) cJSON *fitted = NULL;

    if (!hdf5_read_text(file, "/format", 64, &format, error))
        return false;
    if (strcmp(format, MODEL_FORMAT) != 0)
        return error_set(error, ERROR_CORRUPT, "a model of the format '%s' is not known", format);
    return read_spec(file, &stored->spec, error) &&
           read_json(file, "/preparation", &fitted, error) &&
           preparation_parse(fitted, &stored->preparation, error);
}

bool model_file_read_origin(const char *path, struct stored_model *ret_stored, char **ret_source,
                            struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    scoped(json_free) cJSON *origin = NULL;
    scoped(memory_free) char *source = NULL;
    scoped(stored_model_release) struct stored_model stored = {0};

    if (!hdf5_open(path, &file, error) || !read_json(file, "/provenance", &origin, error) ||
        !read_origin(file, &stored, error))
        return false;
    source = strdup(json_text(origin, "source", ""));
    if (!source)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    *ret_source = take(&source);
    *ret_stored = stored;
    stored = (struct stored_model){0};
    return true;
}

static bool read_parts(struct hdf5_file *file, struct stored_model *stored, struct error *error)
{
    struct model_plan plan;

    if (!read_origin(file, stored, error) || !check_precision(&stored->spec, error) ||
        !train_complete(&stored->spec.train, stored->preparation->task, error))
        return false;
    if (!preparation_set_inputs(stored->preparation, window_find(&stored->spec.prepare), error))
        return false;
    plan = pipeline_plan(&stored->spec, stored->preparation, 0, false);
    return model_build(&plan, &stored->model, error) && read_arrays(file, stored->model, error) &&
           read_pieces(file, stored->model, error);
}

static bool read_model(struct hdf5_file *file, const char *name, struct stored_model *ret_stored,
                       struct error *error)
{
    /* filled in place: the model borrows from its neighbours */
    *ret_stored = (struct stored_model){0};
    if (read_parts(file, ret_stored, error))
        return true;
    stored_model_release(ret_stored);
    *ret_stored = (struct stored_model){0};
    return error_wrap(error, "%s", name);
}

bool model_file_read(const char *path, struct stored_model *ret_stored, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;

    return hdf5_open(path, &file, error) && read_model(file, path, ret_stored, error);
}

bool model_bytes_read(const char *name, const void *data, uint64_t size,
                      struct stored_model *ret_stored, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;

    return hdf5_open_bytes(name, data, size, &file, error) &&
           read_model(file, name, ret_stored, error);
}
