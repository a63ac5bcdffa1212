/*
 * A ring of places: piece k is predicted into place k % n_places, once what was there before was
 * given.
 */
#include "worker/engine/predict_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/owner.h"

enum { PIECE_ROWS = 8192 };

struct place {
    bool done;
    int64_t *row;       /* owned, [piece_rows]; NULL: the plan has a list */
    double *prediction; /* owned */
    struct buffer text;
};

struct pool {
    const struct predict_plan *plan;
    struct thread {
        struct pool *pool;
        struct stored_model stored;
        struct samples *samples; /* owned */
        pthread_t id;
        bool started;
    } * thread;          /* owned, [n_cpus] */
    struct place *place; /* owned, [n_places] */
    int64_t n_places, piece_rows, n_pieces;
    int64_t next_take, next_give;
    bool failed;
    struct error error; /* where failed */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

static int64_t all_rows(const struct predict_plan *plan)
{
    return plan->list ? plan->list->n : plan->dataset->n_rows;
}

/* The rows of a piece. */
static int64_t piece_rows(const struct pool *pool, int64_t piece, const int64_t **ret_row)
{
    int64_t *own = pool->place[piece % pool->n_places].row;
    int64_t first = piece * pool->piece_rows, left = all_rows(pool->plan) - first;
    int64_t n = left < pool->piece_rows ? left : pool->piece_rows;

    if (pool->plan->list)
        row_list_copy(pool->plan->list, first, n, own);
    for (int64_t i = 0; !pool->plan->list && i < n; i++)
        own[i] = first + i;
    *ret_row = own;
    return n;
}

static bool predict_piece(struct thread *thread, int64_t piece, struct error *error)
{
    struct pool *pool = thread->pool;
    struct place *place = &pool->place[piece % pool->n_places];
    const int64_t *row;
    int64_t n = piece_rows(pool, piece, &row);

    memory_free(&place->prediction);
    buffer_clear(&place->text);
    return pipeline_predict_rows(thread->stored.model, thread->samples, pool->plan->samples, row, n,
                                 pool->plan->batch, &place->prediction, NULL, error) &&
           (!pool->plan->text ||
            pipeline_write_rows(thread->stored.model, thread->samples, row, n, place->prediction,
                                false, &place->text, error));
}

static void *work(void *context)
{
    struct thread *thread = context;
    struct pool *pool = thread->pool;

    (void)pthread_mutex_lock(&pool->mutex);
    while (!pool->failed && pool->next_take < pool->n_pieces) {
        struct error error;
        int64_t piece;
        bool good;

        if (pool->next_take == pool->next_give + pool->n_places) {
            (void)pthread_cond_wait(&pool->changed, &pool->mutex);
            continue;
        }
        piece = pool->next_take++;
        (void)pthread_mutex_unlock(&pool->mutex);
        good = predict_piece(thread, piece, &error);
        (void)pthread_mutex_lock(&pool->mutex);
        pool->place[piece % pool->n_places].done = true;
        if (!good && !pool->failed) {
            pool->failed = true;
            pool->error = error;
        }
        (void)pthread_cond_broadcast(&pool->changed);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void pool_release(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
    pool->failed = true;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (int64_t i = 0; pool->thread && i < pool->plan->n_cpus; i++) {
        if (pool->thread[i].started)
            (void)pthread_join(pool->thread[i].id, NULL);
        samples_free(&pool->thread[i].samples);
        stored_model_release(&pool->thread[i].stored);
    }
    for (int64_t i = 0; pool->place && i < pool->n_places; i++) {
        free(pool->place[i].row);
        free(pool->place[i].prediction);
        buffer_release(&pool->place[i].text);
    }
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool->thread);
    free(pool->place);
}

static bool start_thread(struct pool *pool, struct thread *thread, struct error *error)
{
    const struct predict_plan *plan = pool->plan;

    thread->pool = pool;
    if (!model_file_read(plan->model, &thread->stored, error) ||
        !samples_make(plan->dataset, thread->stored.preparation,
                      window_find(&thread->stored.spec.prepare), NULL, &thread->samples, error) ||
        (plan->bf16x3 && !model_quicken(thread->stored.model, plan->bf16x3, error)))
        return false;
    thread->started = pthread_create(&thread->id, NULL, work, thread) == 0;
    return thread->started || error_set(error, ERROR_NO_MEMORY, "starting a thread");
}

/* The mutex is held, but not while the piece is given. */
static bool give_next(struct pool *pool, struct error *error)
{
    struct place *place = &pool->place[pool->next_give % pool->n_places];
    struct predicted_piece piece = {.samples = pool->thread->samples,
                                    .distribution = &pool->thread->stored.model->distribution,
                                    .width = pool->thread->stored.model->n_outputs_per_row,
                                    .all = all_rows(pool->plan),
                                    .compute =
                                        pool->plan->bf16x3 ? compute_name[COMPUTE_BF16X3] : NULL,
                                    .text = &place->text};
    bool given;

    while (!place->done && !pool->failed)
        (void)pthread_cond_wait(&pool->changed, &pool->mutex);
    if (pool->failed) {
        *error = pool->error;
        return false;
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    piece.n = piece_rows(pool, pool->next_give, &piece.row);
    piece.prediction = place->prediction;
    given = pool->plan->give(pool->plan->context, &piece, error);
    (void)pthread_mutex_lock(&pool->mutex);
    place->done = false;
    pool->next_give++;
    (void)pthread_cond_broadcast(&pool->changed);
    return given;
}

static bool make_places(struct pool *pool)
{
    pool->place = calloc((size_t)pool->n_places, sizeof(*pool->place));
    for (int64_t i = 0; pool->place && i < pool->n_places; i++) {
        pool->place[i].row = malloc((size_t)pool->piece_rows * sizeof(int64_t));
        if (!pool->place[i].row)
            return false;
    }
    return pool->place != NULL;
}

static bool run(struct pool *pool, struct error *error)
{
    bool good = true;

    pool->thread = calloc((size_t)pool->plan->n_cpus, sizeof(*pool->thread));
    if (!pool->thread || !make_places(pool))
        return error_set(error, ERROR_NO_MEMORY, "predicting");
    for (int64_t i = 0; i < pool->plan->n_cpus; i++)
        if (!start_thread(pool, &pool->thread[i], error))
            return false;
    (void)pthread_mutex_lock(&pool->mutex);
    while (good && pool->next_give < pool->n_pieces)
        good = give_next(pool, error);
    (void)pthread_mutex_unlock(&pool->mutex);
    return good;
}

bool predict_pool_run(const struct predict_plan *plan, struct error *error)
{
    int64_t batches = PIECE_ROWS / plan->batch;
    struct pool pool = {.plan = plan,
                        .n_places = 2 * plan->n_cpus,
                        .piece_rows = plan->batch * (batches > 0 ? batches : 1)};
    bool good;

    pool.n_pieces = (all_rows(plan) + pool.piece_rows - 1) / pool.piece_rows;
    (void)pthread_mutex_init(&pool.mutex, NULL);
    (void)pthread_cond_init(&pool.changed, NULL);
    good = run(&pool, error);
    pool_release(&pool);
    return good;
}
