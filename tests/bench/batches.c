/*
 * Times the assembly of batches of windows, beside plain copies of as many bytes: the engine's side
 * of bench_batches.py.
 *
 *   batches SPEC FOLDER     SPEC: {"data": ..., "prepare": [{"type": "window"}, ...], "model": ...}
 *
 * Each line on standard input is answered by seconds of processor time a batch: "assemble SECONDS"
 * of shuffled windows, scaled, trip by trip as training has them; "copy SECONDS" of the same
 * windows, whole rows, by memcpy; "copy_columns SECONDS" of as many bytes as an assembled batch
 * has, from the same places; "step SECONDS" of a training step, assembly and all, and of the
 * assembly alone as it is in these steps: choosing the samples, what asks the memory for them, and
 * gathering; "ready SECONDS" of a training step that finds its batch assembled, in as much memory
 * as the rows take: what a step takes longer than this is all that assembly costs it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/arena.h"
#include "worker/engine/model/network.h"
#include "worker/engine/order.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/prepared/store.h"

struct sample_part { /* of a batch */
    real *value;     /* [steps][rows][width] */
    int64_t rows;
};

struct bench {
    struct engine_spec spec;
    struct dataset *dataset;
    struct prepared_rows rows;
    struct order order;
    struct model *model;
    struct tensor x;
    float *copy;
    int64_t *row, *soon, n_soon;
    struct sample_set timed;     /* the samples' own, but for what tells its time */
    double assembly;             /* seconds of the steps so far */
    double look;                 /* seconds that a look at the clock takes */
    struct sample_set assembled; /* whose gather takes the next part of what is ready */
    struct sample_part *part;    /* a ring of them, a trip each */
    int64_t n_parts, next_part;
    int64_t batch; /* of the order, from where it goes on */
    uint64_t step;
};

static void die(const struct error *error)
{
    (void)fprintf(stderr, "batches: %s: %s\n", error->path, error->message);
    exit(2);
}

static void no_memory(void)
{
    (void)fputs("batches: out of memory\n", stderr);
    exit(4);
}

static void *room(size_t n, size_t size)
{
    void *memory = calloc(n, size);

    if (!memory)
        no_memory();
    return memory;
}

static double now(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

/* The next rows of a shuffled epoch. */
static int64_t draw_into(struct bench *bench, int64_t *row)
{
    if (bench->batch >= order_steps(&bench->order) - 1)
        bench->batch = 0;
    return order_fill(&bench->order, 0, bench->batch++, row);
}

static int64_t draw(struct bench *bench)
{
    return draw_into(bench, bench->row);
}

static void assemble(struct bench *bench)
{
    const struct sample_set *set = &bench->rows.samples->set;
    int64_t most = ((const struct network *)bench->model)->cut_rows, n = draw(bench);
    int32_t *length[SAMPLE_INPUTS_MAX] = {0};

    for (int64_t first = 0; first < n; first += bench->x.rows) {
        bench->x.rows = n - first < most ? n - first : most;
        set->gather(set, bench->row + first, bench->x.rows, &bench->x, length);
    }
}

/* `bytes` of each window, from its first row on. */
static void copy(struct bench *bench, size_t bytes)
{
    const struct dataset *dataset = bench->dataset;
    int64_t n = draw(bench), steps = bench->x.steps;

    for (int64_t i = 0; i < n; i++)
        memcpy((char *)bench->copy + (size_t)i * bytes,
               dataset->value + (bench->row[i] - steps + 1) * dataset->n_features, bytes);
}

static void copy_rows(struct bench *bench)
{
    copy(bench, (size_t)(bench->x.steps * bench->dataset->n_features) * sizeof(float));
}

static void copy_columns(struct bench *bench)
{
    copy(bench, (size_t)(bench->x.steps * bench->x.width) * sizeof(float));
}

/* ---- steps ------------------------------------------------------------------------------------*/

static struct bench *timed_bench; /* of the functions below, which know a sample set alone */

static double wall(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

/* Since `start`, but for the look at the clock. */
static void add_assembly(double start)
{
    timed_bench->assembly += wall() - start - timed_bench->look;
}

static void measure_look(struct bench *bench)
{
    enum { LOOKS = 10000 };
    double start = wall();

    for (int i = 0; i < LOOKS; i++)
        bench->look = wall();
    bench->look = (bench->look - start) / LOOKS;
}

static void timed_gather(const struct sample_set *set, const int64_t *row, int64_t n,
                         struct tensor x[], int32_t *const length[])
{
    const struct sample_set *samples = &timed_bench->rows.samples->set;
    double start = wall();

    (void)set;
    samples->gather(samples, row, n, x, length);
    add_assembly(start);
}

static void timed_foresee(const struct sample_set *set, struct prefetch *prefetch)
{
    const struct sample_set *samples = &timed_bench->rows.samples->set;
    double start = wall();

    (void)set;
    samples->foresee(samples, prefetch);
    prefetch_ask(prefetch);
    prefetch->n_arrays = 0; /* is done */
    add_assembly(start);
}

/* The samples of the step after it are chosen before a step, as training does. */
static void step(struct bench *at)
{
    struct loss_sum sum = {0};
    struct error error;
    int64_t *chosen = at->soon, n = at->n_soon;
    double start = wall();

    at->soon = at->row;
    at->row = chosen;
    at->n_soon = draw_into(at, at->soon);
    add_assembly(start);
    const struct model_step next = {.set = &at->timed,
                                    .row = at->row,
                                    .n = n,
                                    .soon = at->soon,
                                    .n_soon = at->n_soon,
                                    .seed = 1,
                                    .step = ++at->step,
                                    .rate_scale = 1};

    if (n > 0 && !at->model->kind->advance(at->model, &next, &sum, &error))
        die(&error);
}

/* ---- steps whose batches are ready ------------------------------------------------------------*/

static void take_ready(const struct sample_set *set, const int64_t *row, int64_t n,
                       struct tensor x[], int32_t *const length[])
{
    struct bench *at = timed_bench;
    const struct sample_part *part = &at->part[at->next_part];

    (void)set, (void)row, (void)length;
    assert(part->rows == n);
    x->data = part->value;
    at->next_part = (at->next_part + 1) % at->n_parts;
}

static int64_t trips(const struct bench *at)
{
    int64_t most = ((const struct network *)at->model)->cut_rows;

    return (at->spec.train.batch + most - 1) / most;
}

/* As many whole batches as rows of the data take memory, two at least. */
static void make_ready(struct bench *at)
{
    const struct sample_set *set = &at->rows.samples->set;
    int64_t most = ((const struct network *)at->model)->cut_rows, batch = at->spec.train.batch;
    int64_t values = batch * at->x.steps * at->x.width;
    int64_t batches = at->dataset->n_rows * at->dataset->n_features / values;
    int32_t *length[SAMPLE_INPUTS_MAX] = {0};

    batches = batches < 2 ? 2 : batches;
    at->n_parts = batches * trips(at);
    at->part = room((size_t)at->n_parts, sizeof(*at->part));
    real *value = arena_allocate(batches * values);
    if (!value)
        no_memory();
    for (int64_t i = 0, first = batch; i < at->n_parts; i++, first += most) {
        struct tensor x = at->x;

        if (first >= batch) {
            if (draw(at) != batch)
                abort();
            first = 0;
        }
        x.rows = batch - first < most ? batch - first : most;
        x.data = value;
        set->gather(set, at->row + first, x.rows, &x, length);
        at->part[i] = (struct sample_part){value, x.rows};
        value += x.rows * x.steps * x.width;
    }
    at->assembled = *set;
    at->assembled.gather = take_ready;
    at->assembled.foresee = NULL;
}

/* The same rows' truths each time. */
static void step_ready(struct bench *at)
{
    struct network_pass *pass = &((struct network *)at->model)->training;
    struct loss_sum sum = {0};
    struct error error;
    real *own = pass->input[0].data;
    int64_t n = at->spec.train.batch;

    if (!at->part)
        make_ready(at);
    const struct model_step next = {.set = &at->assembled,
                                    .row = at->row,
                                    .n = n,
                                    .soon = at->row,
                                    .n_soon = n,
                                    .seed = 1,
                                    .step = ++at->step,
                                    .rate_scale = 1};

    if (!at->model->kind->advance(at->model, &next, &sum, &error))
        die(&error);
    pass->input[0].data = own;
}

static const struct {
    const char *name;
    void (*once)(struct bench *bench);
} commands[] = {{"assemble", assemble},
                {"copy", copy_rows},
                {"copy_columns", copy_columns},
                {"step", step},
                {"ready", step_ready}};

static void answer(struct bench *bench, const char *line)
{
    char name[32] = "";
    double seconds = 1, start, passed = 0;
    int64_t n = 0;

    bench->assembly = 0;
    (void)sscanf(line, "%31s %lf", name, &seconds);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        start = now();
        do {
            commands[i].once(bench);
            n++;
            passed = now() - start;
        } while (passed < seconds);
    }
    (void)printf("%.6g %.6g\n", n > 0 ? passed / (double)n : -1.0,
                 n > 0 ? bench->assembly / (double)n : -1.0);
}

static void open_data(struct bench *bench, const char *text, const char *folder)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *root = NULL;
    struct warning_list warnings = {0};
    struct error error;
    bool built;

    if (!json_parse(text, strlen(text), &root, &error))
        die(&error);
    if (!engine_spec_parse(root, false, &bench->spec, &diagnostics)) {
        (void)fprintf(stderr, "batches: %s: %s\n", diagnostics.item[0].path,
                      diagnostics.item[0].message);
        exit(2);
    }
    if (!store_open(folder, &bench->spec.data, folder, &bench->dataset, &built, &warnings,
                    &error) ||
        !prepared_rows_make(&bench->spec, folder, bench->dataset, 1, &bench->rows, &warnings,
                            &error))
        die(&error);
}

static void make_rooms(struct bench *bench)
{
    const struct sample_set *set = &bench->rows.samples->set;
    const struct shape *shape = &set->input[0].shape;
    size_t batch = (size_t)bench->spec.train.batch, steps = (size_t)shape->steps;
    size_t width = (size_t)shape->width, wider = (size_t)bench->dataset->n_features;
    struct model_plan plan;
    struct error error;

    bench->x = (struct tensor){.data = arena_allocate((int64_t)(batch * steps * width)),
                               .steps = shape->steps,
                               .width = shape->width};
    if (!bench->x.data)
        no_memory();
    bench->copy = room(batch * steps * (wider > width ? wider : width), sizeof(float));
    bench->row = room(batch, sizeof(*bench->row));
    bench->soon = room(batch, sizeof(*bench->soon));
    bench->timed = *set;
    bench->timed.gather = timed_gather;
    bench->timed.foresee = set->foresee ? timed_foresee : NULL;
    bench->order = (struct order){.list = &bench->rows.training.part[SPLIT_TRAIN],
                                  .batch = bench->spec.train.batch,
                                  .shuffle = true,
                                  .seed = 1};
    if (!order_prepare(&bench->order, &error))
        die(&error);
    if (!train_complete(&bench->spec.train, set->task, &error))
        die(&error);
    plan = pipeline_plan(&bench->spec, bench->rows.preparation, 1, true);
    if (!model_build(&plan, &bench->model, &error))
        die(&error);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    char line[128];

    timed_bench = &bench;
    if (argc != 3)
        return 2;
    measure_look(&bench);
    open_data(&bench, argv[1], argv[2]);
    make_rooms(&bench);
    (void)kernel_flush_denormals();
    while (fgets(line, sizeof(line), stdin)) {
        answer(&bench, line);
        (void)fflush(stdout);
    }
    return 0;
}
