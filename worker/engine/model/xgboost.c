/*
 * The library's functions are looked up by name. Arrays go in as "array interfaces", a line of JSON
 * that holds their address.
 */
#include "worker/engine/model/xgboost.h"

#include <dlfcn.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

struct xgboost_matrix {
    void *handle;
};
struct xgboost_booster {
    void *handle;
};

/* ---- the library ------------------------------------------------------------------------------*/

typedef int matrix_next(void *context);
typedef void matrix_reset(void *context);

static struct {
    void *handle; /* NULL: not loaded */
    const char *(*last_error)(void);
    int (*configure)(const char *config);
    int (*matrix_from_dense)(const char *values, const char *config, void **ret);
    int (*matrix_from_callback)(void *context, void *proxy, void *like, matrix_reset *reset,
                                matrix_next *next, const char *config, void **ret);
    int (*matrix_set)(void *matrix, const char *what, const float *value, uint64_t n);
    int (*matrix_free)(void *matrix);
    int (*proxy_create)(void **ret);
    int (*proxy_fill)(void *proxy, const char *values);
    int (*create)(void *const *matrix, uint64_t n, void **ret);
    int (*free)(void *booster);
    int (*set)(void *booster, const char *name, const char *value);
    int (*update)(void *booster, int round, void *train);
    int (*predict)(void *booster, void *matrix, const char *config, const uint64_t **ret_shape,
                   uint64_t *ret_n, const float **ret);
    int (*predict_dense)(void *booster, const char *values, const char *config, void *proxy,
                         const uint64_t **ret_shape, uint64_t *ret_n, const float **ret);
    int (*save)(void *booster, const char *config, uint64_t *ret_size, const char **ret);
    int (*load)(void *booster, const void *data, uint64_t size);
    int (*slice)(void *booster, int first, int end, int step, void **ret);
    int (*rounds)(void *booster, int *ret);
    int (*score)(void *booster, const char *config, uint64_t *ret_n, const char *const **ret_name,
                 uint64_t *ret_shape_n, const uint64_t **ret_shape, const float **ret);
} library;

static const struct {
    const char *name;
    void *function; /* in the struct above */
} functions[] = {
    {"XGBGetLastError", &library.last_error},
    {"XGBSetGlobalConfig", &library.configure},
    {"XGDMatrixCreateFromDense", &library.matrix_from_dense},
    {"XGQuantileDMatrixCreateFromCallback", &library.matrix_from_callback},
    {"XGDMatrixSetFloatInfo", &library.matrix_set},
    {"XGDMatrixFree", &library.matrix_free},
    {"XGProxyDMatrixCreate", &library.proxy_create},
    {"XGProxyDMatrixSetDataDense", &library.proxy_fill},
    {"XGBoosterCreate", &library.create},
    {"XGBoosterFree", &library.free},
    {"XGBoosterSetParam", &library.set},
    {"XGBoosterUpdateOneIter", &library.update},
    {"XGBoosterPredictFromDMatrix", &library.predict},
    {"XGBoosterPredictFromDense", &library.predict_dense},
    {"XGBoosterSaveModelToBuffer", &library.save},
    {"XGBoosterLoadModelFromBuffer", &library.load},
    {"XGBoosterSlice", &library.slice},
    {"XGBoosterBoostedRounds", &library.rounds},
    {"XGBoosterFeatureScore", &library.score},
};

static bool find_functions(void *handle, struct error *error)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *found = dlsym(handle, functions[i].name);

        if (!found)
            return error_set(error, ERROR_NOT_FOUND,
                             "libxgboost has no %s: version 1.7 or later is needed",
                             functions[i].name);
        memcpy(functions[i].function, (const void *)&found, sizeof(found));
    }
    return true;
}

bool xgboost_load(struct error *error)
{
    static const char *const names[] = {"libxgboost.so.0", "libxgboost.so"};
    void *handle = NULL;

    if (library.handle)
        return true;
    /* its threads would wait for each other at full speed, on a machine that others work on too */
    (void)setenv("OMP_WAIT_POLICY", "passive", 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return error_set(error, ERROR_NOT_FOUND,
                         "boosted trees need libxgboost (Debian's package libxgboost0): %s",
                         dlerror());
    if (!find_functions(handle, error))
        return false;
    library.handle = handle;
    (void)library.configure("{\"verbosity\": 0}");
    return true;
}

/* "[12:00:00] ./src/x.cc:177: Check failed: a > b: the words" and a stack: its first line. */
static bool worked(int status, struct error *error)
{
    const char *text = status == 0 ? "" : library.last_error();
    const char *stamp = strstr(text, "] ");

    if (status == 0)
        return true;
    text = stamp ? stamp + 2 : text;
    return error_set(error, ERROR_INTERNAL, "libxgboost: %.*s", (int)strcspn(text, "\n"), text);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "boosting trees");
}

/* ---- rows -------------------------------------------------------------------------------------*/

#define ARRAY_SIZE 160

static void describe_array(const real *value, int64_t n, int64_t width, char text[ARRAY_SIZE])
{
    (void)snprintf(text, ARRAY_SIZE,
                   "{\"data\": [%llu, true], \"shape\": [%lld, %lld], \"typestr\": \"<f%zu\", "
                   "\"version\": 3}",
                   (unsigned long long)(uintptr_t)value, (long long)n, (long long)width,
                   sizeof(real));
}

void xgboost_matrix_free(struct xgboost_matrix **matrix)
{
    if (*matrix && (*matrix)->handle)
        (void)library.matrix_free((*matrix)->handle);
    free(take(matrix));
}

struct iterator { /* the library asks for all chunks, several times over */
    const struct xgboost_rows *rows;
    void *proxy;
    int64_t next;
};

static void reset(void *context)
{
    struct iterator *iterator = context;

    iterator->next = 0;
}

static int64_t fill_chunk(const struct xgboost_rows *rows, int64_t first)
{
    int64_t n = rows->n - first < rows->chunk ? rows->n - first : rows->chunk;

    rows->fill(rows->context, first, n);
    return n;
}

static int next(void *context)
{
    struct iterator *iterator = context;
    const struct xgboost_rows *rows = iterator->rows;
    char array[ARRAY_SIZE];
    int64_t n;

    if (iterator->next >= rows->n)
        return 0;
    n = fill_chunk(rows, iterator->next);
    iterator->next += n;
    describe_array(rows->value, n, rows->width, array);
    return library.proxy_fill(iterator->proxy, array) == 0;
}

static bool make_binned(const struct xgboost_rows *rows, int64_t bins,
                        const struct xgboost_matrix *like, void **ret, struct error *error)
{
    struct iterator iterator = {.rows = rows};
    char config[96];
    bool made;

    (void)snprintf(config, sizeof(config), "{\"missing\": NaN, \"nthread\": 0, \"max_bin\": %lld}",
                   (long long)bins);
    if (!worked(library.proxy_create(&iterator.proxy), error))
        return false;
    made =
        worked(library.matrix_from_callback(&iterator, iterator.proxy, like ? like->handle : NULL,
                                            reset, next, config, ret),
               error);
    (void)library.matrix_free(iterator.proxy);
    return made;
}

bool xgboost_matrix_make(const struct xgboost_rows *rows, int64_t bins,
                         const struct xgboost_matrix *like, struct xgboost_matrix **ret_matrix,
                         struct error *error)
{
    scoped(xgboost_matrix_free) struct xgboost_matrix *matrix = calloc(1, sizeof(*matrix));
    char array[ARRAY_SIZE];

    if (!matrix)
        return no_memory(error);
    if (bins > 0) {
        if (!make_binned(rows, bins, like, &matrix->handle, error))
            return false;
    } else {
        describe_array(rows->value, fill_chunk(rows, 0), rows->width, array);
        if (!worked(library.matrix_from_dense(array, "{\"missing\": NaN, \"nthread\": 0}",
                                              &matrix->handle),
                    error))
            return false;
    }
    *ret_matrix = take(&matrix);
    return true;
}

bool xgboost_matrix_set(struct xgboost_matrix *matrix, const char *what, const float *value,
                        int64_t n, struct error *error)
{
    return worked(library.matrix_set(matrix->handle, what, value, (uint64_t)n), error);
}

/* ---- boosters ---------------------------------------------------------------------------------*/

void xgboost_booster_free(struct xgboost_booster **booster)
{
    if (*booster && (*booster)->handle)
        (void)library.free((*booster)->handle);
    free(take(booster));
}

bool xgboost_booster_make(struct xgboost_booster **ret_booster, struct error *error)
{
    scoped(xgboost_booster_free) struct xgboost_booster *booster = calloc(1, sizeof(*booster));

    if (!booster)
        return no_memory(error);
    if (!worked(library.create(NULL, 0, &booster->handle), error))
        return false;
    *ret_booster = take(&booster);
    return true;
}

bool xgboost_set(struct xgboost_booster *booster, const char *name, struct error *error,
                 const char *format, ...)
{
    char value[64];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    return worked(library.set(booster->handle, name, value), error);
}

bool xgboost_advance(struct xgboost_booster *booster, int64_t round, struct xgboost_matrix *train,
                     struct error *error)
{
    return worked(library.update(booster->handle, (int)round, train->handle), error);
}

static void describe_prediction(int64_t rounds, char text[ARRAY_SIZE])
{
    (void)snprintf(text, ARRAY_SIZE,
                   "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, "
                   "\"iteration_end\": %lld, \"strict_shape\": true, \"cache_id\": 0, "
                   "\"missing\": NaN}",
                   (long long)rounds);
}

static int64_t width_of(const uint64_t *shape, uint64_t n)
{
    int64_t width = 1;

    for (uint64_t i = 1; i < n; i++)
        width *= (int64_t)shape[i];
    return width;
}

bool xgboost_predict(struct xgboost_booster *booster, struct xgboost_matrix *matrix, int64_t rounds,
                     const float **ret, int64_t *ret_width, struct error *error)
{
    const uint64_t *shape;
    char config[ARRAY_SIZE];
    uint64_t n;

    describe_prediction(rounds, config);
    if (!worked(library.predict(booster->handle, matrix->handle, config, &shape, &n, ret), error))
        return false;
    *ret_width = width_of(shape, n);
    return true;
}

bool xgboost_predict_rows(struct xgboost_booster *booster, const real *value, int64_t n,
                          int64_t width, int64_t rounds, const float **ret, int64_t *ret_width,
                          struct error *error)
{
    char array[ARRAY_SIZE], config[ARRAY_SIZE];
    const uint64_t *shape;
    uint64_t shape_n;

    describe_array(value, n, width, array);
    describe_prediction(rounds, config);
    if (!worked(library.predict_dense(booster->handle, array, config, NULL, &shape, &shape_n, ret),
                error))
        return false;
    *ret_width = width_of(shape, shape_n);
    return true;
}

bool xgboost_save(struct xgboost_booster *booster, const char **ret_data, uint64_t *ret_size,
                  struct error *error)
{
    return worked(library.save(booster->handle, "{\"format\": \"ubj\"}", ret_size, ret_data),
                  error);
}

bool xgboost_restore(struct xgboost_booster *booster, const void *data, uint64_t size,
                     struct error *error)
{
    return worked(library.load(booster->handle, data, size), error);
}

bool xgboost_rounds(struct xgboost_booster *booster, int64_t *ret, struct error *error)
{
    int rounds;

    if (!worked(library.rounds(booster->handle, &rounds), error))
        return false;
    *ret = rounds;
    return true;
}

bool xgboost_slice(struct xgboost_booster *booster, int64_t rounds,
                   struct xgboost_booster **ret_booster, struct error *error)
{
    scoped(xgboost_booster_free) struct xgboost_booster *part = calloc(1, sizeof(*part));

    if (!part)
        return no_memory(error);
    if (!worked(library.slice(booster->handle, 0, (int)rounds, 1, &part->handle), error))
        return false;
    *ret_booster = take(&part);
    return true;
}

/* Inputs are called "f0", "f1", ... */
bool xgboost_add_importance(struct xgboost_booster *booster, const char *type, double *score,
                            int64_t n, struct error *error)
{
    const char *const *name;
    const uint64_t *shape;
    const float *value;
    uint64_t n_names, shape_n;
    char config[64];

    (void)snprintf(config, sizeof(config), "{\"importance_type\": \"%s\"}", type);
    if (!worked(library.score(booster->handle, config, &n_names, &name, &shape_n, &shape, &value),
                error))
        return false;
    for (uint64_t i = 0; i < n_names; i++) {
        long long input = atoll(name[i] + 1);

        if (name[i][0] == 'f' && input >= 0 && input < n)
            score[input] += value[i];
    }
    return true;
}
