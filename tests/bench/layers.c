/*
 * Times training steps and predictions of a network on made-up data: the engine's side of
 * bench_layers.py.
 *
 *   layers SPEC STEPS WIDTH OUTPUTS TASK [bf16x3]     SPEC: {"model": [...], "train": {...}}
 *
 * With bf16x3 it only predicts, in the processor's tiles; it ends with status 2 where there are
 * none.
 *
 * Seconds are of processor time. Each line "train SECONDS" or "predict SECONDS ROWS" on standard
 * input is answered by samples a second; "limit" by what this processor does at this moment:
 * floating-point operations a second of a large product, LSTM cells a second, bytes a second of
 * memory read and written; "checkpoint FOLDER" by the seconds that a checkpoint takes, durable, and
 * those of its bytes written to a file and synced.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/compute.h"
#include "common/file.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/checkpoint.h"
#include "worker/engine/layer/layer.h"
#include "worker/engine/model/model.h"
#include "worker/engine/train.h"

#define SAMPLES_MAX 2048
#define SAMPLES_PREDICTED 1024
#define BATCHES 4

struct spec {
    struct kind_choices model;
    struct train_config train;
};
static const struct setting spec_settings[] = {
    SETTING_KINDS(struct spec, model, &layer_registry, 0, 100, 0, "Layers."),
    SETTING_NESTED(struct spec, train, struct train_config, train_settings, "Training."),
    {0},
};

struct bench {
    struct spec spec;
    struct sample_set set;
    struct sample_input input;
    float *x; /* [n_samples][steps][width] */
    uint64_t row_id[SAMPLES_MAX];
    int64_t row[SAMPLES_MAX];
    int32_t label[SAMPLES_MAX];
    double *target, *scale, *offset;
    struct model *model;
    uint64_t step;
};

static double now(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void *room(size_t n, size_t size)
{
    void *memory = calloc(n, size);

    if (!memory) {
        (void)fputs("layers: out of memory\n", stderr);
        exit(4);
    }
    return memory;
}

static void die(const struct error *error)
{
    (void)fprintf(stderr, "layers: %s: %s\n", error->path, error->message);
    exit(2);
}

static void gather(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor x[],
                   int32_t *const length[])
{
    const struct bench *bench = set->context;
    int64_t steps = x->steps, width = x->width;

    (void)length;
    for (int64_t i = 0; i < n; i++)
        for (int64_t step = 0; step < steps; step++)
            memcpy(x->data + (step * n + i) * width, bench->x + (row[i] * steps + step) * width,
                   (size_t)width * sizeof(*x->data));
}

static void make_data(struct bench *bench, struct shape shape, int64_t outputs, bool classes)
{
    int64_t n = bench->set.n_samples, size = shape.steps * shape.width;

    bench->x = room((size_t)(n * size), sizeof(float));
    bench->target = room((size_t)(n * outputs), sizeof(double));
    bench->scale = room((size_t)outputs, sizeof(double));
    bench->offset = room((size_t)outputs, sizeof(double));
    for (int64_t i = 0; i < n * size; i++)
        bench->x[i] = (float)(2 * random_uniform(1, (uint64_t)i, 0, 1) - 1);
    for (int64_t i = 0; i < n; i++) {
        bench->row[i] = i;
        bench->row_id[i] = (uint64_t)i;
        bench->label[i] = (int32_t)(i % outputs);
        for (int64_t k = 0; k < outputs; k++)
            bench->target[i * outputs + k] = 0.5 + random_uniform(2, (uint64_t)(i + k * n), 0, 1);
    }
    for (int64_t k = 0; k < outputs; k++)
        bench->scale[k] = 1;
    bench->input = (struct sample_input){.name = "x", .shape = shape};
    bench->set.input = &bench->input;
    bench->set.n_inputs = 1;
    bench->set.context = bench;
    bench->set.gather = gather;
    bench->set.truth_steps = 1;
    bench->set.row_id = bench->row_id;
    bench->set.task = classes ? TASK_CLASSIFICATION : TASK_REGRESSION;
    bench->set.n_classes = classes ? outputs : 0;
    bench->set.n_targets = classes ? 0 : outputs;
    bench->set.label = classes ? bench->label : NULL;
    bench->set.target = classes ? NULL : bench->target;
    bench->set.target_offset = bench->offset;
    bench->set.target_scale = bench->scale;
}

static void build(struct bench *bench)
{
    const struct sample_set *set = &bench->set;
    struct error error;
    const struct model_plan plan = {.layers = &bench->spec.model,
                                    .loss = &bench->spec.train.loss,
                                    .update = train_update_plan(&bench->spec.train),
                                    .batch = bench->spec.train.batch,
                                    .task = set->task,
                                    .input = set->input,
                                    .n_inputs = 1,
                                    .n_classes = set->n_classes,
                                    .n_targets = set->n_targets,
                                    .target_offset = bench->offset,
                                    .target_scale = bench->scale,
                                    .seed = 1};

    if (!train_complete(&bench->spec.train, set->task, &error) ||
        !model_build(&plan, &bench->model, &error))
        die(&error);
}

static void quicken(struct bench *bench)
{
    struct error error;

    if (!bf16x3_pick()) {
        (void)fputs("layers: this processor has no tiles for bfloat16\n", stderr);
        exit(2);
    }
    if (!model_quicken(bench->model, bf16x3_pick(), &error))
        die(&error);
}

static void train_once(struct bench *bench)
{
    int64_t batch = bench->spec.train.batch;
    struct loss_sum sum = {0};
    struct error error;
    const struct model_step step = {
        .set = &bench->set,
        .row = bench->row + (int64_t)(bench->step % BATCHES) * batch,
        .n = batch,
        .seed = 1,
        .step = ++bench->step,
        .rate_scale = 1,
    };

    if (!bench->model->kind->advance(bench->model, &step, &sum, &error))
        die(&error);
}

static void predict_once(struct bench *bench, int64_t rows, double *prediction)
{
    struct error error;

    if (!model_predict(bench->model, &bench->set, bench->row, rows, prediction, NULL, &error))
        die(&error);
}

static void answer(struct bench *bench, const char *line)
{
    double seconds = 1, start, passed;
    long rows = bench->spec.train.batch, n = 0;
    bool trains = strncmp(line, "train", 5) == 0;
    double *prediction =
        room(SAMPLES_MAX * (size_t)bench->model->n_outputs_per_row, sizeof(double));

    (void)sscanf(line, "%*s %lf %ld", &seconds, &rows);
    rows = rows > bench->set.n_samples ? bench->set.n_samples : rows;
    start = now();
    do {
        if (trains)
            train_once(bench);
        else
            predict_once(bench, rows, prediction);
        n++;
        passed = now() - start;
    } while (passed < seconds);
    (void)printf("%.6g\n", (double)(n * rows) / passed);
    free(prediction);
}

/* ---- limits ---- */

#define SIDE 1024
#define CELLS (32 * 128)
#define STREAM (1 << 24)

static double product_rate(void)
{
    static float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];
    double start = now(), passed;
    int n = 0;

    do {
        kernel_product(false, false, SIDE, SIDE, SIDE, 1, a, b, 0, c);
        n++;
        passed = now() - start;
    } while (passed < 0.2);
    return 2.0 * SIDE * SIDE * SIDE * n / passed;
}

static double cell_rate(void)
{
    static float gates[4 * CELLS], cell[CELLS], output[CELLS];
    const struct lstm_step step = {.rows = 32,
                                   .units = 128,
                                   .gates = gates,
                                   .cell = cell,
                                   .output = output,
                                   .output_row = 128};
    double start = now(), passed;
    int n = 0;

    do {
        kernel_pick()->lstm_forward(&step);
        n++;
        passed = now() - start;
    } while (passed < 0.1);
    return (double)CELLS * n / passed;
}

static double byte_rate(void)
{
    float *x = room(STREAM, sizeof(float)), *y = room(STREAM, sizeof(float));
    double start, passed;
    int n = 0;

    kernel_pick()->add(x, y, STREAM); /* touches the pages */
    start = now();
    do {
        kernel_pick()->add(y, x, STREAM);
        n++;
        passed = now() - start;
    } while (passed < 0.2);
    free(x);
    free(y);
    return 3.0 * sizeof(float) * STREAM * n / passed;
}

/* ---- checkpoints ---- */

static double wall(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static double write_plainly(const char *folder, const struct state *state, struct error *error)
{
    char path[4096];
    double start = wall();
    int fd = -1;
    bool good;

    (void)snprintf(path, sizeof(path), "%s/plain", folder);
    good = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, &fd, error);
    for (int i = 0; good && i < state->n; i++)
        good = file_write_whole(fd, state->piece[i].data, state->piece[i].size, error);
    if (!good || !file_sync(fd, error))
        die(error);
    (void)close(fd);
    return wall() - start;
}

static void answer_checkpoint(struct bench *bench, char *folder)
{
    const struct checkpoint_identity identity = {0};
    struct state state = {0};
    struct error error;
    double start, checkpoint;

    folder[strcspn(folder, "\n")] = '\0';
    if (!bench->model->kind->declare(bench->model, &state, &error))
        die(&error);
    start = wall();
    if (!checkpoint_write(folder, "last.ckpt", &state, &identity, true, &error))
        die(&error);
    checkpoint = wall() - start;
    (void)printf("%.6g %.6g\n", checkpoint, write_plainly(folder, &state, &error));
}

int main(int argc, char **argv)
{
    static struct bench bench;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;
    struct error error;
    char line[128];

    if (argc != 6 && !(argc == 7 && strcmp(argv[6], compute_name[COMPUTE_BF16X3]) == 0))
        return 2;
    if (!json_parse(argv[1], strlen(argv[1]), &json, &error))
        die(&error);
    if (!settings_parse(spec_settings, json, "", &bench.spec, &diagnostics)) {
        (void)fprintf(stderr, "layers: %s: %s\n", diagnostics.item[0].path,
                      diagnostics.item[0].message);
        return 2;
    }
    bench.set.n_samples = bench.spec.train.batch * BATCHES;
    if (bench.set.n_samples < SAMPLES_PREDICTED)
        bench.set.n_samples = SAMPLES_PREDICTED;
    if (bench.set.n_samples > SAMPLES_MAX)
        return 2;
    make_data(&bench, (struct shape){.steps = atol(argv[2]), .width = atol(argv[3])}, atol(argv[4]),
              strcmp(argv[5], "classes") == 0);
    build(&bench);
    if (argc == 7)
        quicken(&bench);
    (void)kernel_flush_denormals();
    while (fgets(line, sizeof(line), stdin)) {
        if (strncmp(line, "limit", 5) == 0)
            (void)printf("%.6g %.6g %.6g\n", product_rate(), cell_rate(), byte_rate());
        else if (strncmp(line, "checkpoint ", 11) == 0)
            answer_checkpoint(&bench, line + 11);
        else
            answer(&bench, line);
        (void)fflush(stdout);
    }
    return 0;
}
