/*
 * NumPy's .npy files, and .npz archives of them.
 *
 *   .npy   "\x93NUMPY", version (2 bytes), size of the header (2 bytes, from version 2 on 4), the
 *          header as a Python dictionary {'descr': '<f8', 'fortran_order': False, 'shape': (3, 2)},
 *          the values.
 *   .npz   a zip archive, stored or deflated, of x.npy, y.npy, ...
 *
 * Read are numbers of any size and byte order, booleans, and texts (S, U).
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/owner.h"
#include "common/utf8.h"
#include "worker/engine/dataset/source/array.h"
#include "worker/engine/dataset/source/kinds.h"
#include "worker/engine/dataset/source/npy.h"
#include "worker/engine/dataset/source/zip.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define HEADER_MAX (1024 * 1024)
#define ENTRIES_MAX 1000

struct npy_config {
    struct setting_texts arrays;
};

static const struct setting npy_settings[] = {
    SETTING_TEXTS(struct npy_config, arrays, 0, ENTRIES_MAX,
                  "Which arrays of an .npz archive are read. Left out: all."),
    {0},
};

struct npy_array {
    struct zip_member member; /* of the file, or all of it */
    int64_t values_at;        /* offset of the values in the member */
    char code;                /* f i u b S U */
    size_t item_size;         /* bytes of a value in the file */
    bool swapped;
    char *raw; /* owned: a block as it is in the file */
    size_t raw_size;
    const char *path; /* borrowed */
};

struct npy_file {
    int fd;
    struct npy_array *array; /* owned */
    int64_t n_arrays;
    struct array_list list;
};

/* ---- headers ----------------------------------------------------------------------------------*/

struct header {
    const char *path, *name;
    const char *text;
    struct error *error;
};

static bool bad_header(const struct header *header, const char *why)
{
    return error_set(header->error, ERROR_INVALID, "%s: '%s': %s", header->path, header->name, why);
}

/* What stands behind 'key': in the dictionary. */
static const char *value_of(const struct header *header, const char *key)
{
    const char *at = strstr(header->text, key);

    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " ");
    if (*at != ':')
        return NULL;
    at++;
    return at + strspn(at, " ");
}

static bool read_type(const struct header *header, struct npy_array *npy, struct array *array)
{
    const char *at = value_of(header, "'descr'");
    char order, *end;
    long n;

    if (!at || (*at != '\'' && *at != '"'))
        return bad_header(header, at && *at == '['
                                      ? "is an array of records; arrays of single values are read"
                                      : "has no type in its header");
    order = at[1];
    if (order == '\0' || !strchr("<>|=", order) || at[2] == '\0')
        return bad_header(header, "has a type that is not understood");
    npy->code = at[2];
    n = strtol(at + 3, &end, 10);
    npy->swapped = order == '>';
    if (end == at + 3 || n < 0 || n > ARRAY_TEXT_MAX / 4)
        return bad_header(header, "has a type that is not understood");
    npy->item_size = (size_t)n * (npy->code == 'U' ? 4 : 1);
    array->text_size = npy->item_size + (npy->item_size == 0);
    if ((strchr("iu", npy->code) && (n == 1 || n == 2 || n == 4 || n == 8)) ||
        (npy->code == 'b' && n == 1))
        array->type = ARRAY_INTEGER;
    else if (npy->code == 'f' && (n == 2 || n == 4 || n == 8))
        array->type = ARRAY_REAL;
    else if (strchr("SU", npy->code))
        array->type = ARRAY_TEXT;
    else
        return bad_header(header, "holds neither numbers of up to 8 bytes nor texts");
    return true;
}

static bool read_shape(const struct header *header, struct array *array)
{
    const char *at = value_of(header, "'shape'");
    const char *order = value_of(header, "'fortran_order'");
    int64_t n = 1;

    if (!at || *at != '(' || !order)
        return bad_header(header, "has no shape in its header");
    for (at++; *at != ')'; at += strspn(at, ", ")) {
        char *end;
        long long size = strtoll(at, &end, 10);

        if (end == at || size < 0 || size > INT64_MAX / 64 / (n ? n : 1))
            return bad_header(header, "has a shape that is not understood");
        if (array->n_dimensions == ARRAY_DIMENSIONS_MAX)
            return bad_header(header, "has more than three dimensions");
        array->size[array->n_dimensions++] = size;
        n *= size;
        at = end;
    }
    if (array->n_dimensions == 0)
        return bad_header(header, "is a single value");
    if (strncmp(order, "False", 5) != 0 && array->n_dimensions > 1)
        return bad_header(header, "is in Fortran order; numpy.ascontiguousarray turns it");
    return true;
}

/* The sizes that the header promises must be there. */
static bool check_size(const struct header *header, const struct npy_array *npy,
                       const struct array *array)
{
    int64_t n = array->size[0] * array_width(array);
    int64_t there = npy->member.size - npy->values_at;

    if (npy->item_size > 0 && n > there / (int64_t)npy->item_size)
        return error_set(
            header->error, ERROR_CORRUPT,
            "%s: '%s' is truncated: its header promises %lld values of %zu bytes, %lld "
            "bytes are there",
            header->path, header->name, (long long)n, npy->item_size, (long long)there);
    return true;
}

static bool read_header(struct header *header, struct npy_array *npy, struct array *array)
{
    unsigned char head[12] = {0};
    int64_t available = npy->member.size < 12 ? npy->member.size : 12;
    scoped(memory_free) char *text = NULL;
    size_t size, at;

    if (!zip_read(&npy->member, 0, (size_t)available, head, header->error))
        return false;
    if (available < 12 || memcmp(head, MAGIC, MAGIC_SIZE) != 0)
        return bad_header(header, "is not in NumPy's format");
    at = head[6] >= 2 ? 12 : 10;
    size = head[8] | (size_t)head[9] << 8;
    if (head[6] >= 2)
        size |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (size > HEADER_MAX || (int64_t)(at + size) > npy->member.size)
        return bad_header(header, "has a header that is longer than the file");
    text = calloc(size + 1, 1);
    if (!text)
        return error_set(header->error, ERROR_NO_MEMORY, "reading %s", header->path);
    if (!zip_read(&npy->member, (int64_t)at, size, text, header->error))
        return false;
    npy->values_at = (int64_t)(at + size);
    header->text = text;
    return read_type(header, npy, array) && read_shape(header, array) &&
           check_size(header, npy, array);
}

/* ---- values -----------------------------------------------------------------------------------*/

static uint64_t bits_of(const struct npy_array *npy, const char *at)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < npy->item_size; i++) {
        size_t from = npy->swapped ? i : npy->item_size - 1 - i;

        bits = bits << 8 | (unsigned char)at[from];
    }
    return bits;
}

static double real_of_half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 0x1f);
    double fraction = (double)(bits & 0x3ff) / 1024, sign = bits & 0x8000 ? -1 : 1;

    if (exponent == 31)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -14) : ldexp(1 + fraction, exponent - 15));
}

static double real_of(const struct npy_array *npy, const char *at)
{
    uint64_t bits = bits_of(npy, at);
    uint32_t half = (uint32_t)bits;
    float single;
    double real;

    if (npy->item_size == 2)
        return real_of_half(bits);
    if (npy->item_size == 4) {
        memcpy(&single, &half, sizeof(single));
        return single;
    }
    memcpy(&real, &bits, sizeof(real));
    return real;
}

static bool integer_of(const struct npy_array *npy, const char *at, int64_t *ret)
{
    uint64_t bits = bits_of(npy, at);
    unsigned shift = 64 - 8 * (unsigned)npy->item_size;

    assert(npy->item_size >= 1 && npy->item_size <= 8);
    if (npy->code == 'i') {
        *ret = (int64_t)(bits << shift) >> shift;
        return true;
    }
    *ret = (int64_t)bits;
    return bits <= INT64_MAX;
}

static void text_of(const struct npy_array *npy, const char *at, char *to)
{
    struct npy_array character = *npy;
    size_t size = 0;

    memset(to, 0, npy->item_size + (npy->item_size == 0));
    if (npy->code == 'S') {
        memcpy(to, at, npy->item_size);
        return;
    }
    character.item_size = 4;
    for (size_t i = 0; i < npy->item_size; i += 4) {
        uint64_t code = bits_of(&character, at + i);

        if (code == 0)
            return;
        if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            code = 0xfffd;
        size += utf8_encode((uint32_t)code, to + size);
    }
}

static bool read_raw(struct npy_array *npy, int64_t first, int64_t n, struct error *error)
{
    size_t size = (size_t)n * npy->item_size;

    if (!npy->raw || size > npy->raw_size) { /* texts may have no character at all */
        char *raw = realloc(npy->raw, size > 0 ? size : 1);

        if (!raw)
            return error_set(error, ERROR_NO_MEMORY, "reading %s", npy->path);
        npy->raw = raw;
        npy->raw_size = size;
    }
    return zip_read(&npy->member, npy->values_at + first * (int64_t)npy->item_size, size, npy->raw,
                    error);
}

static bool read_values(const struct array *array, int64_t first, int64_t n, void *out,
                        struct error *error)
{
    struct npy_array *npy = array->context;
    int64_t width = array_width(array);

    if (!read_raw(npy, first * width, n * width, error))
        return false;
    for (int64_t i = 0; i < n * width; i++) {
        const char *at = npy->raw + (size_t)i * npy->item_size;

        if (array->type == ARRAY_REAL)
            ((double *)out)[i] = real_of(npy, at);
        else if (array->type == ARRAY_TEXT)
            text_of(npy, at, (char *)out + (size_t)i * array->text_size);
        else if (!integer_of(npy, at, (int64_t *)out + i))
            return error_set(error, ERROR_INVALID, "%s: row %lld of '%s' is beyond int64",
                             npy->path, (long long)(first + i / width), array->name);
    }
    return true;
}

/* ---- the kind ---------------------------------------------------------------------------------*/

static void close_npy(struct source *source)
{
    struct npy_file *file = source->state;

    if (!file)
        return;
    for (int64_t i = 0; i < file->n_arrays; i++) {
        zip_member_release(&file->array[i].member);
        free(file->array[i].raw);
    }
    array_list_release(&file->list);
    free(file->array);
    descriptor_close(&file->fd);
    free(file);
}

static bool add_array(struct source *source, const char *name, struct npy_array *npy,
                      struct error *error)
{
    struct npy_file *file = source->state;
    struct array *array = array_list_add(&file->list, name);
    struct header header = {.path = source->path, .name = name, .error = error};

    if (!array)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    array->context = npy;
    npy->path = source->path;
    return read_header(&header, npy, array);
}

static bool open_archive(struct source *source, struct error *error)
{
    const struct npy_config *config = source->config;
    struct npy_file *file = source->state;
    struct zip_list zip = {0};
    bool good = zip_list_read(source->path, file->fd, &zip, error);

    if (good && !(file->array = calloc((size_t)zip.n + 1, sizeof(*file->array))))
        good = error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    for (int64_t i = 0; good && i < zip.n; i++) {
        struct npy_array *npy = &file->array[file->n_arrays];
        char *end = strstr(zip.item[i].name, ".npy");

        if (!end || end[4])
            continue;
        *end = '\0';
        npy->member = zip.item[i];
        zip.item[i] = (struct zip_member){0};
        file->n_arrays++;
        good = add_array(source, npy->member.name, npy, error);
    }
    zip_list_release(&zip);
    return good && array_list_choose(&file->list, &config->arrays, source->path, error);
}

static bool open_single(struct source *source, struct error *error)
{
    struct npy_file *file = source->state;
    struct stat status;

    if (fstat(file->fd, &status) != 0)
        return error_set_errno(error, errno, "%s", source->path);
    file->array = calloc(1, sizeof(*file->array));
    if (!file->array)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    file->n_arrays = 1;
    file->array->member = zip_member_of_file(source->path, file->fd, status.st_size);
    if (!add_array(source, "c", file->array, error))
        return false;
    if (file->list.item->n_dimensions > 1)
        return true;
    free(file->list.item->name);
    file->list.item->name = strdup("c1");
    return file->list.item->name != NULL ||
           error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
}

static bool open_npy(struct source *source, struct error *error)
{
    const struct npy_config *config = source->config;
    struct npy_file *file = calloc(1, sizeof(*file));
    char head[2] = {0};

    source->state = file;
    if (!file)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    file->fd = open(source->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return error_set_errno(error, errno, "%s", source->path);
    if (pread(file->fd, head, 2, 0) == 2 && memcmp(head, "PK", 2) == 0)
        return open_archive(source, error);
    if (config->arrays.n > 0)
        return error_set_at(error, ERROR_INVALID, "data.format.arrays",
                            "%s is one array and no archive of some", source->path);
    return open_single(source, error);
}

/* Integers become numbers of the same room. */
static bool read_numbers(const struct array *array, double **ret, struct error *error)
{
    int64_t n = array->size[0] * array_width(array);
    scoped(memory_free) double *value = malloc(((size_t)n + 1) * sizeof(*value));

    if (!value)
        return error_set(error, ERROR_NO_MEMORY, "reading '%s'", array->name);
    if (!read_values(array, 0, array->size[0], value, error))
        return false;
    for (int64_t i = 0; array->type == ARRAY_INTEGER && i < n; i++) {
        int64_t whole;

        memcpy(&whole, &value[i], sizeof(whole));
        value[i] = (double)whole;
    }
    *ret = take(&value);
    return true;
}

bool npy_take_all(const char *path, void *context,
                  bool (*give)(void *context, const char *name, int n_dimensions,
                               const int64_t *size, const double *value, struct error *error),
                  struct error *error)
{
    const struct npy_config every = {0};
    scoped(memory_free) char *copy = strdup(path);
    struct source source = {.path = copy, .config = &every};
    bool good =
        copy ? open_npy(&source, error) : error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    const struct npy_file *file = source.state;

    for (int64_t i = 0; good && i < file->list.n; i++) {
        const struct array *array = &file->list.item[i];
        scoped(memory_free) double *value = NULL;

        if (array->type != ARRAY_TEXT)
            good = read_numbers(array, &value, error) &&
                   give(context, array->name, array->n_dimensions, array->size, value, error);
    }
    close_npy(&source);
    return good;
}

static bool profile_npy(struct source *source, struct table_profile *profile, struct error *error)
{
    const struct npy_file *file = source->state;

    return array_profile(source, &file->list, read_values, profile, error);
}

static bool read_npy(struct source *source, const enum column_form *form,
                     const struct source_sink *sink, struct error *error)
{
    const struct npy_file *file = source->state;

    return array_read(source, &file->list, read_values, form, sink, error);
}

static bool is_npy(const char *path, const void *head, size_t size)
{
    return head && ((size >= MAGIC_SIZE && memcmp(head, MAGIC, MAGIC_SIZE) == 0) ||
                    source_name_ends(path, ".npz") || source_name_ends(path, ".npy"));
}

const struct source_kind source_npy = {
    .kind = {.name = "npy",
             .help = "NumPy's arrays, one in an .npy file or several in an .npz archive: the first "
                     "dimension counts rows, or with three dimensions recordings.",
             .config_size = sizeof(struct npy_config),
             .settings = npy_settings},
    .reads = SOURCE_READS_MISSING | SOURCE_READS_NAMES,
    .row_name = "row",
    .recognise = is_npy,
    .open = open_npy,
    .profile = profile_npy,
    .read = read_npy,
    .close = close_npy,
};
