/*
 * A file that is written grows in memory, and goes to the disk as one piece by common/file. HDF5
 * itself does not survive a disk that is full: a file whose closing failed cannot be closed.
 */
#include "worker/engine/hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"

#ifdef NIGHTJAR_DOUBLE
#define NATIVE_REAL H5T_NATIVE_DOUBLE
#define STORED_REAL H5T_IEEE_F64LE
#else
#define NATIVE_REAL H5T_NATIVE_FLOAT
#define STORED_REAL H5T_IEEE_F32LE
#endif

#define MEMORY_STEP ((size_t)1 << 20) /* bytes by which a file that is written grows */

struct hdf5_file {
    hid_t id;   /* -1: closed */
    char *path; /* owned */
    bool written;
};

struct message { /* collects the innermost complaint of the library's stack */
    char text[512];
};

static herr_t take_message(unsigned depth, const H5E_error2_t *entry, void *context)
{
    struct message *message = context;

    if (depth == 0)
        (void)snprintf(message->text, sizeof(message->text), "%s", entry->desc);
    return 0;
}

static bool failed(const struct hdf5_file *file, const char *what, struct error *error)
{
    struct message message = {.text = "unknown error"};

    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_message, &message);
    return error_set(error, file->written ? ERROR_IO : ERROR_CORRUPT, "%s: %s: %s", file->path,
                     what, message.text);
}

/* Closing what did not let itself be closed would crash. */
static bool close_once(struct hdf5_file *file)
{
    hid_t id = file->id;

    file->id = -1;
    return id < 0 || H5Fclose(id) >= 0;
}

void hdf5_close(struct hdf5_file **file)
{
    struct hdf5_file *gone = *file;

    if (!gone)
        return;
    (void)close_once(gone);
    free(gone->path);
    free(gone);
    *file = NULL;
}

static struct hdf5_file *file_new(const char *path, bool written)
{
    struct hdf5_file *file = calloc(1, sizeof(*file));

    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* errors are ours to tell */
    if (!file)
        return NULL;
    file->id = -1;
    file->path = strdup(path);
    file->written = written;
    if (!file->path)
        hdf5_close(&file);
    return file;
}

bool hdf5_create(const char *path, struct hdf5_file **ret_file, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = file_new(path, true);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);

    if (file && access >= 0 && H5Pset_fapl_core(access, MEMORY_STEP, false) >= 0)
        file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (access >= 0)
        (void)H5Pclose(access);
    if (!file)
        return error_set(error, ERROR_NO_MEMORY, "creating %s", path);
    if (file->id < 0)
        return failed(file, "cannot be created", error);
    *ret_file = take(&file);
    return true;
}

bool hdf5_commit(struct hdf5_file **file, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *whole = take(file);
    ssize_t size =
        H5Fflush(whole->id, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(whole->id, NULL, 0);
    scoped(memory_free) char *image = size < 0 ? NULL : malloc((size_t)size + 1);

    if (size >= 0 && !image)
        return error_set(error, ERROR_NO_MEMORY, "writing %s", whole->path);
    if (!image || H5Fget_file_image(whole->id, image, (size_t)size) != size)
        return failed(whole, "cannot be written", error);
    return file_replace(AT_FDCWD, whole->path, image, (size_t)size, error) ||
           error_wrap(error, "%s", whole->path);
}

bool hdf5_open(const char *path, struct hdf5_file **ret_file, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = file_new(path, false);

    if (!file)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", path);
    if (access(path, R_OK) != 0)
        return error_set_errno(error, errno, "%s", path);
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0)
        return error_set(error, ERROR_CORRUPT, "%s: is not an HDF5 file", path);
    *ret_file = take(&file);
    return true;
}

bool hdf5_open_bytes(const char *name, const void *data, uint64_t size, struct hdf5_file **ret_file,
                     struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = file_new(name, false);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    char unique[64]; /* open files of one name would be one file */
    void *image;     /* the library takes no const, and copies */

    memcpy(&image, &data, sizeof(image));
    (void)snprintf(unique, sizeof(unique), "nightjar-%p", (void *)file);
    if (file && access >= 0 && H5Pset_fapl_core(access, MEMORY_STEP, false) >= 0 &&
        H5Pset_file_image(access, image, size) >= 0)
        file->id = H5Fopen(unique, H5F_ACC_RDONLY, access);
    if (access >= 0)
        (void)H5Pclose(access);
    if (!file)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", name);
    if (file->id < 0)
        return error_set(error, ERROR_CORRUPT, "%s: is not an HDF5 file", name);
    *ret_file = take(&file);
    return true;
}

static bool write_dataset(struct hdf5_file *file, const char *path, hid_t stored, hid_t native,
                          hid_t space, const void *data, struct error *error)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t set = -1;
    bool written;

    (void)H5Pset_create_intermediate_group(links, 1);
    set = H5Dcreate2(file->id, path, stored, space, links, H5P_DEFAULT, H5P_DEFAULT);
    written = set >= 0 && H5Dwrite(set, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    if (!written)
        (void)failed(file, path, error);
    if (set >= 0)
        (void)H5Dclose(set);
    (void)H5Pclose(links);
    return written;
}

bool hdf5_write_reals(struct hdf5_file *file, const char *path, const real *value, int64_t rows,
                      int64_t columns, struct error *error)
{
    const hsize_t shape[] = {(hsize_t)rows, (hsize_t)columns};
    hid_t space = H5Screate_simple(2, shape, NULL);
    bool written = write_dataset(file, path, STORED_REAL, NATIVE_REAL, space, value, error);

    (void)H5Sclose(space);
    return written;
}

bool hdf5_write_text(struct hdf5_file *file, const char *path, const char *text,
                     struct error *error)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t type = H5Tcopy(H5T_C_S1);
    bool written;

    (void)H5Tset_size(type, strlen(text) + 1);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    written = write_dataset(file, path, type, type, space, text, error);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    return written;
}

bool hdf5_write_bytes(struct hdf5_file *file, const char *path, const void *data, uint64_t size,
                      struct error *error)
{
    const hsize_t shape[] = {(hsize_t)size};
    hid_t space = H5Screate_simple(1, shape, NULL);
    bool written = write_dataset(file, path, H5T_STD_U8LE, H5T_NATIVE_UINT8, space, data, error);

    (void)H5Sclose(space);
    return written;
}

bool hdf5_read_reals(struct hdf5_file *file, const char *path, real *value, int64_t rows,
                     int64_t columns, struct error *error)
{
    hid_t set = H5Dopen2(file->id, path, H5P_DEFAULT);
    hid_t space = set < 0 ? -1 : H5Dget_space(set);
    hsize_t shape[2] = {0};
    bool read = space >= 0 && H5Sget_simple_extent_ndims(space) == 2 &&
                H5Sget_simple_extent_dims(space, shape, NULL) == 2 && shape[0] == (hsize_t)rows &&
                shape[1] == (hsize_t)columns &&
                H5Dread(set, NATIVE_REAL, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;

    if (!read)
        (void)error_set(error, ERROR_CORRUPT, "%s: %s is not %lld x %lld numbers", file->path, path,
                        (long long)rows, (long long)columns);
    if (space >= 0)
        (void)H5Sclose(space);
    if (set >= 0)
        (void)H5Dclose(set);
    return read;
}

bool hdf5_read_text(struct hdf5_file *file, const char *path, size_t limit, char **ret_text,
                    struct error *error)
{
    scoped(memory_free) char *text = NULL;
    hid_t set = H5Dopen2(file->id, path, H5P_DEFAULT);
    hid_t type = set < 0 ? -1 : H5Dget_type(set);
    size_t size = type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0
                      ? H5Tget_size(type)
                      : 0;
    bool read = false;

    if (size > 0 && size <= limit && H5Dget_storage_size(set) == size &&
        (text = calloc(size + 1, 1)))
        read = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    if (!read)
        (void)error_set(error, ERROR_CORRUPT, "%s: %s is no text of ours", file->path, path);
    if (type >= 0)
        (void)H5Tclose(type);
    if (set >= 0)
        (void)H5Dclose(set);
    if (read)
        *ret_text = take(&text);
    return read;
}

/* ---- files that are mapped --------------------------------------------------------------------*/

static hid_t stored_type(enum hdf5_type type)
{
    switch (type) {
    case HDF5_FLOAT32:
        return H5T_IEEE_F32LE;
    case HDF5_FLOAT64:
        return H5T_IEEE_F64LE;
    case HDF5_INT32:
        return H5T_STD_I32LE;
    case HDF5_INT64:
        return H5T_STD_I64LE;
    case HDF5_BYTES:
        break;
    }
    return H5T_STD_U8LE;
}

int64_t hdf5_array_bytes(const struct hdf5_array *array)
{
    static const int64_t size[] = {4, 8, 4, 8, 1};

    return array->rows * (array->steps > 0 ? array->steps : 1) * array->columns * size[array->type];
}

static bool create_array(struct hdf5_file *file, struct hdf5_array *array, struct error *error)
{
    const hsize_t flat[] = {(hsize_t)array->rows, (hsize_t)array->columns};
    const hsize_t deep[] = {flat[0], (hsize_t)array->steps, flat[1]};
    hid_t space, layout, set;
    haddr_t offset = HADDR_UNDEF;

    if (hdf5_array_bytes(array) == 0)
        return true;
    space = array->steps > 0 ? H5Screate_simple(3, deep, NULL) : H5Screate_simple(2, flat, NULL);
    layout = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_layout(layout, H5D_CONTIGUOUS);
    (void)H5Pset_alloc_time(layout, H5D_ALLOC_TIME_EARLY);
    (void)H5Pset_fill_time(layout, H5D_FILL_TIME_NEVER);
    set = H5Dcreate2(file->id, array->name, stored_type(array->type), space, H5P_DEFAULT, layout,
                     H5P_DEFAULT);
    if (set >= 0)
        offset = H5Dget_offset(set);
    if (offset == HADDR_UNDEF || offset % HDF5_ALIGNMENT != 0)
        (void)failed(file, array->name, error);
    else
        array->offset = (int64_t)offset;
    if (set >= 0)
        (void)H5Dclose(set);
    (void)H5Pclose(layout);
    (void)H5Sclose(space);
    return array->offset > 0;
}

bool hdf5_create_arrays(const char *path, const char *meta, struct hdf5_array *array, int n,
                        struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = file_new(path, true);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);

    if (!file) {
        (void)H5Pclose(access);
        return error_set(error, ERROR_NO_MEMORY, "creating %s", path);
    }
    (void)H5Pset_alignment(access, 1, HDF5_ALIGNMENT);
    errno = 0; /* HDF5 itself does not tell */
    file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (file->id < 0 && errno != 0)
        error_set_errno(error, errno, "creating %s", path);
    else if (file->id < 0)
        failed(file, "cannot be created", error);
    (void)H5Pclose(access);
    if (file->id < 0)
        return false;
    if (!hdf5_write_text(file, "/meta", meta, error))
        return false;
    for (int i = 0; i < n; i++)
        if (!create_array(file, &array[i], error))
            return false;
    if (!close_once(file))
        return failed(file, "cannot be written", error);
    return true;
}

/* Of a type, shape and layout that one can map; false: not one of ours. */
static bool describe(hid_t set, int64_t file_bytes, struct hdf5_array *array)
{
    hid_t space = H5Dget_space(set), type = H5Dget_type(set), layout = H5Dget_create_plist(set);
    hsize_t shape[2] = {0};
    haddr_t offset = H5Dget_offset(set);
    bool good = H5Sget_simple_extent_ndims(space) == 2 &&
                H5Sget_simple_extent_dims(space, shape, NULL) == 2 &&
                H5Pget_layout(layout) == H5D_CONTIGUOUS && offset != HADDR_UNDEF &&
                offset % HDF5_ALIGNMENT == 0 && shape[0] > 0 && shape[1] > 0 &&
                shape[0] <= (hsize_t)file_bytes && shape[1] <= (hsize_t)file_bytes / shape[0];
    bool known = false;

    for (int i = HDF5_FLOAT32; good && i <= HDF5_BYTES && !known; i++) {
        array->type = (enum hdf5_type)i;
        known = H5Tequal(type, stored_type(array->type)) > 0;
    }
    array->rows = (int64_t)shape[0];
    array->columns = (int64_t)shape[1];
    array->offset = (int64_t)offset;
    good = good && known && array->offset <= file_bytes &&
           hdf5_array_bytes(array) <= file_bytes - array->offset;
    (void)H5Pclose(layout);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    return good;
}

struct search {
    int64_t file_bytes;
    struct hdf5_array *array; /* [HDF5_ARRAYS_MAX] */
    int n;
    bool bad;
};

static herr_t visit(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    struct search *search = context;
    struct hdf5_array *array = &search->array[search->n];
    hid_t set;

    (void)info;
    if (strcmp(name, "meta") == 0)
        return 0;
    set = H5Dopen2(group, name, H5P_DEFAULT);
    search->bad = set < 0 || search->n == HDF5_ARRAYS_MAX || strlen(name) >= HDF5_NAME_SIZE ||
                  !describe(set, search->file_bytes, array);
    if (set >= 0)
        (void)H5Dclose(set);
    if (search->bad)
        return -1;
    (void)snprintf(array->name, sizeof(array->name), "%s", name);
    search->n++;
    return 0;
}

bool hdf5_find_arrays(const char *path, size_t meta_limit, char **ret_meta,
                      struct hdf5_array **ret_array, int *ret_n, struct error *error)
{
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    scoped(memory_free) struct hdf5_array *array = calloc(HDF5_ARRAYS_MAX, sizeof(*array));
    scoped(memory_free) char *meta = NULL;
    struct search search = {.array = array};
    struct stat status;

    if (!array)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", path);
    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    search.file_bytes = status.st_size;
    if (!hdf5_open(path, &file, error) || !hdf5_read_text(file, "/meta", meta_limit, &meta, error))
        return false;
    if (H5Literate(file->id, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, &search) < 0 || search.bad)
        return error_set(error, ERROR_CORRUPT, "%s: holds something else than prepared data", path);
    *ret_meta = take(&meta);
    *ret_array = take(&array);
    *ret_n = search.n;
    return true;
}

bool hdf5_read_bytes(struct hdf5_file *file, const char *path, void **ret_data, uint64_t *ret_size,
                     struct error *error)
{
    scoped(memory_free) void *data = NULL;
    hid_t set = H5Dopen2(file->id, path, H5P_DEFAULT);
    hid_t space = set < 0 ? -1 : H5Dget_space(set);
    hsize_t size = 0;
    bool read = space >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
                H5Sget_simple_extent_dims(space, &size, NULL) == 1 &&
                H5Dget_storage_size(set) == size && (data = malloc(size + 1)) &&
                H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;

    if (!read)
        (void)error_set(error, ERROR_CORRUPT, "%s: %s is no list of bytes", file->path, path);
    if (space >= 0)
        (void)H5Sclose(space);
    if (set >= 0)
        (void)H5Dclose(set);
    if (read) {
        *ret_data = take(&data);
        *ret_size = size;
    }
    return read;
}
