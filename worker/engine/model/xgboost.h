/*
 * libxgboost through its C interface: the only module that knows it. The library is loaded when a
 * model needs it, so that nobody else needs it installed.
 *
 * Errors of the library are INTERNAL, a library that is not there is NOT_FOUND.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_XGBOOST_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_XGBOOST_H

#include "common/buffer.h"
#include "common/error.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

bool xgboost_load(struct error *error); /* once; the other functions need it */

struct xgboost_matrix; /* rows and what is true of them */
struct xgboost_booster;
void xgboost_matrix_free(struct xgboost_matrix **matrix);
void xgboost_booster_free(struct xgboost_booster **booster);

/* Rows as they are wanted: a chunk at a time, over and over. */
struct xgboost_rows {
    int64_t n, width;
    int64_t chunk;                                         /* most rows at a time */
    real *value;                                           /* [chunk][width], filled by fill() */
    void (*fill)(void *context, int64_t first, int64_t n); /* rows first .. first + n - 1 */
    void *context;
};
/* bins > 0: values are kept as the number of their bin, of at most so many for each feature; those
 * of `like` (may be NULL), another matrix with as many. bins 0: as they are; then one chunk has to
 * hold all rows. */
bool xgboost_matrix_make(const struct xgboost_rows *rows, int64_t bins,
                         const struct xgboost_matrix *like, struct xgboost_matrix **ret_matrix,
                         struct error *error);
/* "label" or "weight", [n]. */
bool xgboost_matrix_set(struct xgboost_matrix *matrix, const char *what, const float *value,
                        int64_t n, struct error *error);

bool xgboost_booster_make(struct xgboost_booster **ret_booster, struct error *error);
bool xgboost_set(struct xgboost_booster *booster, const char *name, struct error *error,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
bool xgboost_advance(struct xgboost_booster *booster, int64_t round, struct xgboost_matrix *train,
                     struct error *error);
/* Predictions of the first `rounds` rounds, [n][*ret_width]; borrowed until the next call. */
bool xgboost_predict(struct xgboost_booster *booster, struct xgboost_matrix *matrix, int64_t rounds,
                     const float **ret, int64_t *ret_width, struct error *error);
bool xgboost_predict_rows(struct xgboost_booster *booster, const real *value, int64_t n,
                          int64_t width, int64_t rounds, const float **ret, int64_t *ret_width,
                          struct error *error);
/* The trees in the library's own format (UBJSON); borrowed until the next call. */
bool xgboost_save(struct xgboost_booster *booster, const char **ret_data, uint64_t *ret_size,
                  struct error *error);
bool xgboost_restore(struct xgboost_booster *booster, const void *data, uint64_t size,
                     struct error *error);
bool xgboost_rounds(struct xgboost_booster *booster, int64_t *ret, struct error *error);
/* The first `rounds` rounds alone. */
bool xgboost_slice(struct xgboost_booster *booster, int64_t rounds,
                   struct xgboost_booster **ret_booster, struct error *error);
/* Adds each input's score ("total_gain", "weight") to score[n]. */
bool xgboost_add_importance(struct xgboost_booster *booster, const char *type, double *score,
                            int64_t n, struct error *error);

#endif
