#include "worker/engine/hdf5_foreign.h"

#include <errno.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/owner.h"

#define ARRAYS_MAX 10000
#define TEXT_MAX 65536

struct hdf5_foreign {
    hid_t id;
    char *path;               /* owned */
    struct hdf5_array *array; /* owned */
    int64_t n_arrays;
    bool no_memory, too_many; /* while they are listed */
};

static bool damaged(const struct hdf5_foreign *file, const char *what, struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "%s: '%s' is damaged", file->path, what);
}

void hdf5_foreign_close(struct hdf5_foreign **file)
{
    struct hdf5_foreign *gone = *file;

    if (!gone)
        return;
    for (int64_t i = 0; i < gone->n_arrays; i++) {
        (void)H5Dclose(gone->array[i].id);
        free(gone->array[i].path);
    }
    if (gone->id >= 0)
        (void)H5Fclose(gone->id);
    free(gone->array);
    free(gone->path);
    free(gone);
    *file = NULL;
}

int64_t hdf5_foreign_count(const struct hdf5_foreign *file)
{
    return file->n_arrays;
}

const struct hdf5_array *hdf5_foreign_array(const struct hdf5_foreign *file, int64_t i)
{
    return &file->array[i];
}

/* ---- what there is ----------------------------------------------------------------------------*/

static bool take_type(hid_t set, struct hdf5_array *array)
{
    hid_t type = H5Dget_type(set);
    H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    bool known = true;

    if (class == H5T_INTEGER || class == H5T_ENUM)
        array->type = HDF5_INTEGER;
    else if (class == H5T_FLOAT)
        array->type = HDF5_REAL;
    else if (class == H5T_STRING)
        array->type = HDF5_TEXT;
    else
        known = false;
    if (array->type == HDF5_TEXT && known && H5Tis_variable_str(type) == 0)
        array->text_size = H5Tget_size(type);
    if (type >= 0)
        (void)H5Tclose(type);
    return known && array->text_size <= TEXT_MAX;
}

static bool take_shape(hid_t set, struct hdf5_array *array)
{
    hid_t space = H5Dget_space(set);
    int n = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    hsize_t size[HDF5_DIMENSIONS_MAX] = {0};
    bool known =
        n >= 1 && n <= HDF5_DIMENSIONS_MAX && H5Sget_simple_extent_dims(space, size, NULL) == n;

    array->n_dimensions = n;
    for (int i = 0; known && i < n; i++) {
        array->size[i] = (int64_t)size[i];
        known = size[i] <= INT32_MAX || i == 0;
    }
    if (space >= 0)
        (void)H5Sclose(space);
    return known && array->size[0] >= 0;
}

/* Keeps the dataset open where it can be read. */
static void add_array(struct hdf5_foreign *file, const char *path, hid_t set)
{
    struct hdf5_array array = {.id = set};
    struct hdf5_array *grown;

    if (!take_type(set, &array) || !take_shape(set, &array)) {
        (void)H5Dclose(set);
        return;
    }
    array.path = strdup(path);
    grown = realloc(file->array, (size_t)(file->n_arrays + 1) * sizeof(*grown));
    file->array = grown ? grown : file->array;
    if (!array.path || !grown) {
        free(array.path);
        (void)H5Dclose(set);
        file->no_memory = true;
        return;
    }
    file->array[file->n_arrays++] = array;
}

static herr_t visit(hid_t root, const char *path, const H5O_info_t *info, void *context)
{
    struct hdf5_foreign *file = context;
    hid_t set;

    if (info->type != H5O_TYPE_DATASET)
        return 0;
    file->too_many = file->n_arrays == ARRAYS_MAX;
    if (file->too_many)
        return 1;
    set = H5Dopen2(root, path, H5P_DEFAULT);
    if (set >= 0)
        add_array(file, path, set);
    return file->no_memory;
}

static bool open_file(const char *path, struct hdf5_foreign **ret, struct error *error)
{
    scoped(hdf5_foreign_close) struct hdf5_foreign *file = calloc(1, sizeof(*file));
    herr_t visited;

    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* errors are ours to tell */
    if (!file)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", path);
    file->id = -1;
    file->path = strdup(path);
    if (!file->path)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", path);
    if (access(path, R_OK) != 0)
        return error_set_errno(error, errno, "%s", path);
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0)
        return error_set(error, ERROR_CORRUPT, "%s: is not an HDF5 file, or a damaged one", path);
    visited = H5Ovisit2(file->id, H5_INDEX_NAME, H5_ITER_INC, visit, file, H5O_INFO_BASIC);
    if (file->no_memory)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", path);
    if (file->too_many)
        return error_set(error, ERROR_INVALID, "%s: has more than %d datasets", path, ARRAYS_MAX);
    if (visited < 0)
        return damaged(file, "/", error);
    *ret = take(&file);
    return true;
}

/* ---- slabs ------------------------------------------------------------------------------------*/

static int64_t values_of(const struct hdf5_array *array, int64_t n)
{
    for (int i = 1; i < array->n_dimensions; i++)
        n *= array->size[i];
    return n;
}

static bool read_slab(const struct hdf5_array *array, hid_t native, int64_t first, int64_t n,
                      void *out)
{
    hsize_t start[HDF5_DIMENSIONS_MAX] = {(hsize_t)first, 0, 0};
    hsize_t count[HDF5_DIMENSIONS_MAX] = {(hsize_t)n, (hsize_t)array->size[1],
                                          (hsize_t)array->size[2]};
    hid_t file_space = H5Dget_space(array->id);
    hid_t memory_space = H5Screate_simple(array->n_dimensions, count, NULL);
    bool read = file_space >= 0 && memory_space >= 0 &&
                H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                H5Dread(array->id, native, memory_space, file_space, H5P_DEFAULT, out) >= 0;

    if (memory_space >= 0)
        (void)H5Sclose(memory_space);
    if (file_space >= 0)
        (void)H5Sclose(file_space);
    return read;
}

/* Unsigned numbers of 8 bytes may not fit. */
static bool read_integers(const struct hdf5_foreign *file, const struct hdf5_array *array,
                          int64_t first, int64_t n, int64_t *out, struct error *error)
{
    hid_t type = H5Dget_type(array->id);
    bool large = type >= 0 && H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) >= 8 &&
                 H5Tget_sign(type) == H5T_SGN_NONE;
    bool read =
        type >= 0 && read_slab(array, large ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64, first, n, out);

    if (type >= 0)
        (void)H5Tclose(type);
    if (!read)
        return damaged(file, array->path, error);
    for (int64_t i = 0; large && i < values_of(array, n); i++)
        if (out[i] < 0)
            return error_set(error, ERROR_INVALID, "%s: row %lld of '%s' is beyond int64",
                             file->path, (long long)(first + i / values_of(array, 1)), array->path);
    return true;
}

/* Texts of any length come as pointers that the library owns. */
static bool read_variable_texts(const struct hdf5_foreign *file, const struct hdf5_array *array,
                                int64_t first, int64_t n, size_t text_size, char *out,
                                struct error *error)
{
    int64_t n_texts = values_of(array, n);
    scoped(memory_free) char **text = calloc((size_t)n_texts + 1, sizeof(*text));
    hid_t type = H5Dget_type(array->id);
    bool good = true;

    if (!text) {
        (void)H5Tclose(type);
        return error_set(error, ERROR_NO_MEMORY, "reading %s", file->path);
    }
    if (type < 0 || !read_slab(array, type, first, n, text))
        good = damaged(file, array->path, error);
    for (int64_t i = 0; good && i < n_texts; i++) {
        size_t size = text[i] ? strlen(text[i]) : 0;

        if (size > text_size)
            good = error_set(error, ERROR_INVALID, "%s: a text of '%s' is longer than %zu bytes",
                             file->path, array->path, text_size);
        else if (size > 0)
            memcpy(out + (size_t)i * text_size, text[i], size);
    }
    for (int64_t i = 0; i < n_texts; i++)
        (void)H5free_memory(text[i]);
    if (type >= 0)
        (void)H5Tclose(type);
    return good;
}

static bool read_texts(const struct hdf5_foreign *file, const struct hdf5_array *array,
                       int64_t first, int64_t n, size_t text_size, char *out, struct error *error)
{
    hid_t type;
    bool read;

    memset(out, 0, (size_t)values_of(array, n) * text_size);
    if (array->text_size == 0)
        return read_variable_texts(file, array, first, n, text_size, out, error);
    type = H5Dget_type(array->id);
    read = type >= 0 && array->text_size == text_size && read_slab(array, type, first, n, out);
    if (type >= 0)
        (void)H5Tclose(type);
    return read || damaged(file, array->path, error);
}

bool hdf5_foreign_read(const struct hdf5_foreign *file, const struct hdf5_array *array,
                       int64_t first, int64_t n, size_t text_size, void *out, struct error *error)
{
    switch (array->type) {
    case HDF5_REAL:
        return read_slab(array, H5T_NATIVE_DOUBLE, first, n, out) ||
               damaged(file, array->path, error);
    case HDF5_INTEGER:
        return read_integers(file, array, first, n, out, error);
    case HDF5_TEXT:
        break;
    }
    return read_texts(file, array, first, n, text_size, out, error);
}

/* ---- a look at a distance ---------------------------------------------------------------------*/

static void try_entry(const struct hdf5_foreign *file, const struct hdf5_array *array, int64_t at)
{
    size_t text_size = array->text_size ? array->text_size : TEXT_MAX;
    size_t size = array->type == HDF5_TEXT ? text_size : sizeof(double);
    scoped(memory_free) void *entry = calloc((size_t)values_of(array, 1) + 1, size);
    struct error error;

    if (entry)
        (void)hdf5_foreign_read(file, array, at, 1, text_size, entry, &error);
}

/* All that is opened, the first and the last entry of each, and all texts of any length, which lie
 * in a heap of their own. What fails is told by whoever opens the file in earnest. */
static void try_file(const char *path)
{
    scoped(hdf5_foreign_close) struct hdf5_foreign *file = NULL;
    struct error error;

    if (!open_file(path, &file, &error))
        return;
    for (int64_t i = 0; i < file->n_arrays; i++) {
        const struct hdf5_array *array = &file->array[i];
        bool all = array->type == HDF5_TEXT && array->text_size == 0;
        int64_t last = array->size[0] - 1;

        for (int64_t at = 0; at <= last; at = all || at == last ? at + 1 : last)
            try_entry(file, array, at);
    }
}

/* The library of Debian 12 dies of some damaged files: a child goes first. */
static bool check_file(const char *path, struct error *error)
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        return error_set_errno(error, errno, "opening %s", path);
    if (child == 0) {
        static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

        (void)close(STDERR_FILENO);
        (void)prctl(PR_SET_DUMPABLE, 0);
        for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
            (void)signal(deadly[i], SIG_DFL);
        try_file(path);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return error_set_errno(error, errno, "opening %s", path);
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           error_set(error, ERROR_CORRUPT, "%s: is damaged beyond what the HDF5 library survives",
                     path);
}

bool hdf5_foreign_open(const char *path, struct hdf5_foreign **ret, struct error *error)
{
    return check_file(path, error) && open_file(path, ret, error);
}
