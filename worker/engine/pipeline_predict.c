/* A stored model on new rows, which are predicted and written piece by piece. */
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/output_place.h"
#include "worker/engine/predict_pool.h"
#include "worker/engine/prediction_output.h"

#define LONG_MS 60000 /* what is said to be long before it begins */
#define PROBE_MS 2000 /* when that is judged */
#define PROGRESS_MS 500
#define FORGOTTEN_VALUES (1 << 21) /* read before their pages may go */

struct predicting {
    const struct predict_request *request;
    const struct stored_model *stored; /* borrowed */
    struct predict_plan plan;
    struct predict_pool *pool;        /* owned */
    struct prediction_output *output; /* owned */
    int64_t n_rows, n_done, n_unknown, n_forgotten;
    int64_t started_ms, told_ms;
    bool probed;
};

static void predicting_release(struct predicting *predicting)
{
    prediction_output_free(&predicting->output);
}

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

/* ---- which model ------------------------------------------------------------------------------*/

bool pipeline_stored_model(const char *given, char **ret_path, char **ret_temporary,
                           struct error *error)
{
    scoped(memory_free) char *path = NULL;
    struct stat status;
    bool folder = stat(given, &status) == 0 && S_ISDIR(status.st_mode);

    *ret_temporary = NULL;
    if (asprintf(&path, "%s%s", given, folder ? "/artifacts/model.h5" : "") < 0) {
        path = NULL;
        return error_set(error, ERROR_NO_MEMORY, "looking for a model");
    }
    if (folder && access(path, F_OK) != 0) {
        const char *place = getenv("TMPDIR");

        memory_free(&path);
        if (asprintf(&path, "%s/nightjar-model-%d.h5", place ? place : "/tmp", (int)getpid()) < 0) {
            path = NULL;
            return error_set(error, ERROR_NO_MEMORY, "looking for a model");
        }
        if (!pipeline_recall(given, path, error))
            return false;
        *ret_temporary = strdup(path);
        if (!*ret_temporary)
            return error_set(error, ERROR_NO_MEMORY, "looking for a model");
    }
    *ret_path = take(&path);
    return true;
}

/* ---- progress ---------------------------------------------------------------------------------*/

static void format_seconds(double seconds, char *text, size_t size)
{
    if (seconds < 100)
        (void)snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 6000)
        (void)snprintf(text, size, "%.0f min", seconds / 60);
    else
        (void)snprintf(text, size, "%.1f h", seconds / 3600);
}

static void tell_progress(struct predicting *predicting)
{
    int64_t now = now_ms(), passed = now - predicting->started_ms;
    double rate = (double)predicting->n_done / (double)(passed > 0 ? passed : 1);
    double left_ms = (double)(predicting->n_rows - predicting->n_done) / rate;
    char left[32];

    format_seconds(left_ms / 1000, left, sizeof(left));
    if (!predicting->probed && passed >= PROBE_MS) {
        predicting->probed = true;
        if (left_ms > LONG_MS)
            (void)fprintf(stderr, "%.0f rows/s; about %s for the %" PRId64 " rows that are left\n",
                          rate * 1000, left, predicting->n_rows - predicting->n_done);
    }
    if (now - predicting->told_ms < PROGRESS_MS || !isatty(STDERR_FILENO))
        return;
    predicting->told_ms = now;
    (void)fprintf(stderr, "\r%" PRId64 " of %" PRId64 " rows, %s left \033[K", predicting->n_done,
                  predicting->n_rows, left);
}

static void tell_end(const struct predicting *predicting)
{
    double seconds = (double)(now_ms() - predicting->started_ms) / 1000;

    if (predicting->n_unknown > 0)
        (void)fprintf(stderr,
                      "warning: %" PRId64 " of %" PRId64
                      " rows have a category that the model has never seen\n",
                      predicting->n_unknown, predicting->n_rows);
    (void)fprintf(stderr, "%s%" PRId64 " of %" PRId64 " rows predicted, each once (%.1f s%s%s)\n",
                  isatty(STDERR_FILENO) ? "\r\033[K" : "", predicting->n_done, predicting->n_rows,
                  seconds, predicting->plan.bf16x3 ? ", " : "",
                  predicting->plan.bf16x3 ? compute_name[COMPUTE_BF16X3] : "");
}

/* ---- the fastest batch ------------------------------------------------------------------------*/

enum { TRIED_MIN = 32, TRIED_MAX = 4096 };

/* How long the rows take; with `reference` also whether predictions are the same. */
static bool try_batch(struct model *model, const struct samples *samples,
                      const struct row_list *telling, const struct row_list *list, int64_t batch,
                      double **reference, double *ret_ms, struct error *error)
{
    scoped(memory_free) double *prediction = NULL;
    int64_t before = now_ms(), rounds = 0;

    do {
        memory_free(&prediction);
        if (!pipeline_predict_rows(model, samples, telling, list->row, list->n, batch, &prediction,
                                   NULL, error))
            return false;
        rounds++;
    } while (now_ms() - before < 20);
    *ret_ms = (double)(now_ms() - before) / (double)rounds;
    for (int64_t i = 0; *reference && i < list->n * model->n_outputs_per_row; i++)
        if (fabs(prediction[i] - (*reference)[i]) > 1e-5 * fmax(1, fabs((*reference)[i])))
            return error_set(error, ERROR_INTERNAL,
                             "batches of %" PRId64 " rows predict %.9g where others predict %.9g",
                             batch, prediction[i], (*reference)[i]);
    if (!*reference)
        *reference = take(&prediction);
    return true;
}

enum { TRIED_ROWS = 16384 };

const struct bf16x3_kernel *pipeline_compute(enum compute compute)
{
    const struct bf16x3_kernel *kernel = compute == COMPUTE_BF16X3 ? bf16x3_pick() : NULL;

    if (compute == COMPUTE_BF16X3 && !kernel)
        (void)fprintf(stderr,
                      "warning: %s needs a model of float32 and a processor with tiles for "
                      "bfloat16 (AMX); the predictions are computed as in training\n",
                      compute_name[compute]);
    return kernel;
}

static bool tune(const struct stored_model *stored, const struct samples *samples,
                 const struct predict_plan *plan, int64_t *ret_batch, struct error *error)
{
    const struct row_list *list = plan->list;
    int64_t all = list ? list->n : samples->dataset->n_rows, own[TRIED_ROWS];
    struct row_list some = {.row = own, .n = all < TRIED_ROWS ? all : TRIED_ROWS};
    scoped(memory_free) double *reference = NULL;
    double best = INFINITY;

    if (plan->bf16x3 && !model_quicken(stored->model, plan->bf16x3, error))
        return false;

    if (list)
        row_list_copy(list, 0, some.n, own);
    for (int64_t i = 0; !list && i < some.n; i++)
        own[i] = i;
    for (int64_t batch = TRIED_MAX; batch >= TRIED_MIN; batch /= 2) {
        double ms;

        if (!try_batch(stored->model, samples, plan->samples, &some, batch, &reference, &ms, error))
            return false;
        if (ms < best * 0.98) {
            best = ms;
            *ret_batch = batch;
        }
    }
    (void)fprintf(stderr, "batches of %" PRId64 " rows, by trying; all gave the same\n",
                  *ret_batch);
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------*/

static bool give(void *context, const struct predicted_piece *piece, struct error *error)
{
    struct predicting *predicting = context;

    if (!prediction_output_put(predicting->output, piece, error))
        return false;
    predicting->n_done += piece->n;
    predicting->n_unknown = piece->samples->n_unknown;
    if ((predicting->n_done - predicting->n_forgotten) * (piece->samples->dataset->n_features + 1) >
        FORGOTTEN_VALUES) {
        dataset_forget_pages(piece->samples->dataset);
        predicting->n_forgotten = predicting->n_done;
    }
    tell_progress(predicting);
    return true;
}

static bool import_new(const struct stored_model *stored, const struct predict_request *request,
                       const char *cwd, struct dataset **ret_dataset, struct error *error)
{
    const struct preparation *preparation = stored->preparation;
    scoped(memory_free) struct feature_wish *wish =
        calloc((size_t)preparation->n_features + 1, sizeof(*wish));

    if (!wish)
        return error_set(error, ERROR_NO_MEMORY, "predicting");
    for (int64_t i = 0; i < preparation->n_features; i++)
        wish[i] = (struct feature_wish){preparation->feature[i].name,
                                        preparation->feature[i].categorical};
    return dataset_import_new(&stored->spec.data, cwd, request->data, wish, preparation->n_features,
                              ret_dataset, error);
}

/* Whether the samples are the rows as they lie. */
static bool are_rows(const struct samples *samples)
{
    return !samples->dataset->source_row && !samples->set.truth &&
           !(samples->window && samples->window->edges == WINDOW_EDGES_DROP);
}

/* All rows of the file that can be predicted, in its order. */
static bool predict_rows(struct predicting *predicting, const struct dataset *dataset,
                         struct error *error)
{
    const struct stored_model *stored = predicting->stored;
    struct predict_plan plan = predicting->plan;
    scoped(samples_free) struct samples *samples = NULL;
    scoped(row_list_release) struct row_list list = {0}, telling = {0};

    if (!samples_make(dataset, stored->preparation, window_find(&stored->spec.prepare), NULL,
                      &samples, error) ||
        !(are_rows(samples) || samples_list_all(samples, &telling, &list, error)))
        return false;
    plan.dataset = dataset;
    plan.list = are_rows(samples) ? NULL : &list;
    plan.samples = &telling;
    if (stored->model->stateful) { /* a sample's state comes of others in the list */
        plan.batch = (plan.list ? list.n : dataset->n_rows) + 1;
        plan.n_cpus = 1;
    } else if (predicting->request->batch < 0 && dataset->n_rows > 0 &&
               !(plan.list && list.n == 0) && !tune(stored, samples, &plan, &plan.batch, error))
        return false;
    predicting->n_rows = dataset->n_rows;
    predicting->started_ms = now_ms();
    return predict_pool_run(&plan, error);
}

static int64_t count_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* The model, the new rows, and those that it was trained on stay. */
static bool spares_inputs(const struct stored_model *stored, const char *path, const char *cwd,
                          const struct predict_request *request, struct error *error)
{
    return output_place_spares(request->output, path, "the model", error) &&
           output_place_spares(request->output, request->data, "--data", error) &&
           output_place_spares_data(request->output, &stored->spec.data, cwd, error);
}

static bool predict_with(const char *path, const struct predict_request *request,
                         struct error *error)
{
    scoped(stored_model_release) struct stored_model stored = {0};
    scoped(dataset_free) struct dataset *dataset = NULL;
    scoped(predicting_release) struct predicting predicting = {.request = request,
                                                               .stored = &stored};
    scoped(memory_free) char *cwd = NULL;

    if (!model_file_read(path, &stored, error) || !pipeline_run_cwd(request->model, &cwd, error) ||
        !spares_inputs(&stored, path, cwd, request, error) ||
        !prediction_output_open(request->output, &predicting.output, error) ||
        !import_new(&stored, request, cwd, &dataset, error))
        return false;
    predicting.plan = (struct predict_plan){
        .model = path,
        .batch = request->batch > 0 ? request->batch : PREDICT_BATCH,
        .n_cpus = request->cpus > 0 ? request->cpus : count_cpus(),
        .bf16x3 = pipeline_compute(request->compute),
        .text = prediction_output_is_text(predicting.output),
        .context = &predicting,
        .give = give,
    };
    if (!predict_rows(&predicting, dataset, error) ||
        !prediction_output_commit(predicting.output, error))
        return false;
    tell_end(&predicting);
    return true;
}

bool pipeline_predict(const struct predict_request *request, struct error *error)
{
    scoped(memory_free) char *path = NULL;
    scoped(memory_free) char *temporary = NULL;
    bool done = pipeline_stored_model(request->model, &path, &temporary, error) &&
                predict_with(path, request, error);

    if (temporary)
        (void)unlink(temporary);
    return done;
}
