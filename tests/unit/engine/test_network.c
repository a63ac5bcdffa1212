/* Building networks: names, shapes, first values, what is refused; and the golden network. */
#include "tests/unit/engine/golden_network.h"

#include <dirent.h>

#include "tests/double/memory_double.h"
#include "worker/engine/dataset/split/kinds.h"
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/model/chains.h"
#include "worker/engine/optimizer/optimizer.h"
#include "worker/engine/schedule/schedule.h"

static void assert_refused(enum task task, const char *layers, const char *path,
                           const char *message)
{
    struct fixture fixture;
    struct model *model = NULL;
    struct error error;
    struct model_plan plan;
    int64_t parameters, memory;
    char spec[1024];

    (void)snprintf(spec, sizeof(spec), "{'model': %s}", layers);
    fixture_set_up(&fixture, task, 12, 4, 3);
    fixture_parse(&fixture, spec);
    plan = fixture_plan(&fixture);
    assert_false(model_build(&plan, &model, &error));
    assert_null(model);
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(error.path, path);
    if (!strstr(error.message, message))
        fail_msg("%s: %s", error.path, error.message);
    assert_false(model_measure(&plan, &parameters, &memory, &error));
    assert_string_equal(error.path, path);
    fixture_tear_down(&fixture);
}

static void width_that_does_not_fit_the_target_names_the_layer_to_change(void **state)
{
    (void)state;
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'dense', 'units': 4}]", "model[0].units",
                   "4 outputs, but the target has 3 classes");
    assert_refused(TASK_CLASSIFICATION, "['relu', {'type': 'dense', 'units': 5}, 'tanh']",
                   "model[1].units", "5 outputs");
    assert_refused(TASK_REGRESSION, "[{'type': 'dense', 'units': 'features'}, 'relu']",
                   "model[0].units", "the target has 3 columns");
    assert_refused(TASK_CLASSIFICATION, "['relu']", "model[0]", "4 outputs");
}

static void wrong_sizes_name_their_setting(void **state)
{
    (void)state;
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'dense', 'units': 'clases'}]", "model[0].units",
                   "clases");
    assert_refused(TASK_CLASSIFICATION, "['relu', {'type': 'dense', 'units': 'targets'}]",
                   "model[1].units", "outside [1, 1048576]");
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'dense', 'units': 'features*1048576'}]",
                   "model[0].units", "outside [1, 1048576]");
    assert_refused(TASK_CLASSIFICATION, "[]", "model", "0 layers");
}

static void branches_that_do_not_meet_are_refused(void **state)
{
    (void)state;
    assert_refused(TASK_CLASSIFICATION, "['add', {'type': 'dense', 'units': 3}]", "model[0]",
                   "no branch to join");
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'branch', 'name': 'a', 'from': 'y'}, {'type': 'dense', 'units': 3}]",
                   "model[0].from", "no branch or input 'y'");
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'branch', 'name': 'a'}, {'type': 'dense', 'units': 2},"
                   " {'type': 'branch', 'name': 'b'}, {'type': 'dense', 'units': 3}]",
                   "model[1]", "nothing takes");
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'branch', 'name': 'a'}, {'type': 'dense', 'units': 2},"
                   " {'type': 'branch', 'name': 'a'}, {'type': 'dense', 'units': 3}]",
                   "model[2]", "'a' is taken");
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'branch', 'name': 'a'}, {'type': 'dense', 'units': 2},"
                   " {'type': 'branch', 'name': 'b'}, {'type': 'dense', 'units': 3}, 'add',"
                   " {'type': 'dense', 'units': 3}]",
                   "model[4]", "width 2 and one of 3");
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'dense', 'units': 3}, {'type': 'repeat',"
                   " 'layers': 2}]",
                   "model[1].layers", "2 layers in a row");
}

/* Running moments alone are of whole batches: recurrent layers are only slower in parts. */
static void moments_of_a_batch_are_not_taken_of_parts(void **state)
{
    struct fixture fixture;
    struct model *model;

    (void)state;
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'dense', 'units': 4}, 'batch_norm', {'type': 'dense', 'units': 3}],"
                   " 'train': {'parts': 2}",
                   "train.parts", "batch_norm1 (model[1]) takes its mean and variance over whole");
    fixture_set_up_sequences(&fixture, TASK_CLASSIFICATION, 12,
                             (struct shape){.steps = 5, .width = 3}, 3);
    fixture_parse(&fixture, "{'model': [{'type': 'lstm', 'units': 4, 'sequences': true},"
                            " {'type': 'gru', 'units': 4}, 'layer_norm',"
                            " {'type': 'dense', 'units': 3}], 'train': {'parts': 2}}");
    model = fixture_build(&fixture);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'conv1d', 'filters': 2}]", "model[0]",
                   "sees 3 steps, and the sequence has 1");
    assert_refused(TASK_CLASSIFICATION, "['max_pool1d']", "model[0]", "longer than the sequence");
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'reshape', 'shape': [3, -1]}]", "model[0]",
                   "4 values");
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'slice', 'first': 3, 'end': 2}]", "model[0]",
                   "[3, 2) is no part of 4 features");
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'embedding', 'units': 2}]", "model[0].tokens",
                   "outside");
}

/* ---- state that is carried on -----------------------------------------------------------------*/

#define LONG_STEPS (3 * 2)

static void build_recurrent(struct fixture *fixture, const char *kind, bool stateful, int64_t n,
                            int64_t steps, struct model **ret)
{
    char spec[512];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': '%s', 'units': 5, 'stateful': %s, 'sequences': true},"
                   " {'type': '%s', 'units': 4, 'stateful': %s}, {'type': 'dense', 'units': 3}]}",
                   kind, stateful ? "true" : "false", kind, stateful ? "true" : "false");
    fixture_set_up_sequences(fixture, TASK_CLASSIFICATION, n,
                             (struct shape){.steps = steps, .width = 2}, 3);
    fixture_parse(fixture, spec);
    *ret = fixture_build(fixture);
}

/* Windows one after the other are one long window, in whatever order they are asked about. */
static void check_carried(const char *kind)
{
    static const int64_t order[] = {7, 0, 11, 4, 8, 3, 10, 1, 5, 2, 9, 6};
    struct fixture windows, whole;
    struct model *stateful, *plain;
    double carried[12][3], expected[FIXTURE_CHAINS][3];
    struct error error;

    build_recurrent(&windows, kind, true, 12, 2, &stateful);
    build_recurrent(&whole, kind, false, FIXTURE_CHAINS, LONG_STEPS, &plain);
    windows.set.before = fixture_before;
    assert_true(stateful->stateful);
    assert_false(plain->stateful);
    for (int64_t chain = 0; chain < FIXTURE_CHAINS; chain++)
        for (int64_t step = 0; step < LONG_STEPS; step++)
            memcpy(&whole.x[(chain * LONG_STEPS + step) * 2],
                   &windows.x[((step / 2 * FIXTURE_CHAINS + chain) * 2 + step % 2) * 2],
                   2 * sizeof(double));
    assert_true(
        model_predict(plain, &whole.set, whole.row, FIXTURE_CHAINS, &expected[0][0], NULL, &error));
    assert_true(model_predict(stateful, &windows.set, order, 12, &carried[0][0], NULL, &error));
    for (int i = 0; i < 12; i++)
        for (int k = 0; order[i] >= 8 && k < 3; k++) /* the last of its chain */
            assert_true(fabs(carried[i][k] - expected[order[i] - 8][k]) < 1e-6);
    model_free(&stateful);
    model_free(&plain);
    fixture_tear_down(&windows);
    fixture_tear_down(&whole);
}

static void state_goes_on_where_the_sample_before_ended(void **state)
{
    (void)state;
    check_carried("lstm");
    check_carried("gru");
    check_carried("simple_rnn");
}

static void a_chain_needs_no_neighbours(void **state)
{
    const struct sample_set set = {.before = fixture_before};
    const int64_t row[] = {13, 2, 9, 6, 5, 17, 30};
    struct chains chains;
    struct error error;

    (void)state;
    assert_true(chains_find(&set, row, 7, &chains, &error));
    assert_int_equal(chains.n, 3); /* 5 9 13 17, 2 6, 30 */
    for (int64_t i = 0; i < 7; i++)
        assert_int_equal(row[chains.place[i]], ((int64_t[]){5, 9, 13, 17, 2, 6, 30})[i]);
    assert_int_equal(chains.first[1], 4);
    assert_int_equal(chains.first[2], 6);
    chains_release(&chains);
}

/* Each input goes its own way; the values are told by hand. */
static void several_inputs_are_taken_by_name(void **state)
{
    struct sample_input inputs[2] = {{.name = "x", .shape = {.steps = 1, .width = 2}},
                                     {.name = "other", .shape = {.steps = 1, .width = 2}}};
    struct fixture fixture;
    struct model *model = NULL;
    struct model_plan plan;
    struct error error;

    (void)state;
    fixture_set_up(&fixture, TASK_REGRESSION, 12, 2, 2);
    fixture_parse(&fixture, "{'model': [{'type': 'dense', 'units': 2}]}");
    plan = fixture_plan(&fixture);
    plan.input = inputs;
    plan.n_inputs = 2;
    assert_false(model_build(&plan, &model, &error));
    assert_string_equal(error.path, "model[0]");
    assert_non_null(strstr(error.message, "from: x"));
    fixture_parse(&fixture, "{'model': [{'type': 'branch', 'name': 'a', 'from': 'other'},"
                            " {'type': 'dense', 'units': 2}]}");
    plan = fixture_plan(&fixture);
    plan.input = inputs;
    plan.n_inputs = 2;
    assert_false(model_build(&plan, &model, &error));
    assert_non_null(strstr(error.message, "nothing takes the input 'x'"));
    fixture_parse(&fixture, "{'model': [{'type': 'branch', 'name': 'a', 'from': 'other'},"
                            " {'type': 'multiply', 'of': ['x', 'a']}]}");
    plan = fixture_plan(&fixture);
    plan.input = inputs;
    plan.n_inputs = 2;
    assert_true(model_build(&plan, &model, &error));
    assert_int_equal(model->n_parameters, 0);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void predict_both_ways(const char *merge, bool sequences, int64_t outputs, double *ret)
{
    struct fixture fixture;
    struct model *model;
    struct error error;
    char spec[256];

    fixture_set_up_sequences(&fixture, TASK_REGRESSION, 12, (struct shape){.steps = 5, .width = 3},
                             outputs);
    fixture.input.varies = true;
    for (int64_t i = 0; i < (int64_t)12 * 5 * 3; i++) /* the same, however many outputs there are */
        fixture.x[i] = sin((double)i);
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'lstm', 'units': 2, 'bidirectional': true, 'merge': '%s'"
                   ", 'sequences': %s}%s]}",
                   merge, sequences ? "true" : "false",
                   sequences ? ", {'type': 'slice', 'axis': 'steps', 'first': 0, 'end': 1}, "
                               "'flatten'"
                             : "");
    fixture_parse(&fixture, spec);
    model = fixture_build(&fixture);
    assert_true(model_predict(model, &fixture.set, fixture.row, 12, ret, NULL, &error));
    for (int64_t i = 0; i < 12 * outputs; i++)
        ret[i] = (ret[i] - 500) / 10;
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void both_directions_are_merged_as_asked(void **state)
{
    double both[48], merged[24];

    (void)state;
    for (int sequences = 0; sequences < 2; sequences++)
        for (const char *const *merge = (const char *const[]){"sum", "mul", "ave", NULL}; *merge;
             merge++) {
            predict_both_ways("concat", sequences, 4, both);
            predict_both_ways(*merge, sequences, 2, merged);
            for (int i = 0; i < 24; i++) {
                double a = both[i / 2 * 4 + i % 2], b = both[i / 2 * 4 + 2 + i % 2];
                double wanted = **merge == 's' ? a + b : **merge == 'm' ? a * b : (a + b) / 2;

                assert_true(fabs(merged[i] - wanted) < 1e-6);
                assert_true(fabs(a) > 1e-9 && fabs(b) > 1e-9);
            }
        }
    assert_refused(TASK_CLASSIFICATION, "[{'type': 'gru', 'units': 3, 'merge': 'sum'}]", "model[0]",
                   "needs both directions");
}

enum { CUT_ROWS = 10, CUT_STEPS = 5, CUT_WIDTH = 2 };

/* What a row of `length` steps has at a step of what is cut out of it; beyond that nothing. */
static double cut_value(const struct fixture *fixture, int64_t row, int64_t first, int64_t end,
                        int64_t step, int64_t k)
{
    int64_t length = fixture_length(row, CUT_STEPS);
    int64_t from = first < 0 ? length + first : first, to = end <= 0 ? length + end : end;
    int64_t at = (from < 0 ? 0 : from) + step;

    return at < to && at < length ? fixture->x[(row * CUT_STEPS + at) * CUT_WIDTH + k] : 0;
}

/* What layers without weights make of rows of unequal lengths: [CUT_ROWS][outputs]. */
static double *layers_give(struct fixture *fixture, const char *layers, int64_t outputs)
{
    double *prediction = calloc((size_t)(CUT_ROWS * outputs), sizeof(double));
    struct model *model;
    struct error error;
    char spec[512];

    free(fixture->offset);
    free(fixture->scale);
    fixture->offset = calloc((size_t)outputs, sizeof(double));
    fixture->scale = calloc((size_t)outputs, sizeof(double));
    assert_true(fixture->offset && fixture->scale && prediction);
    for (int64_t i = 0; i < outputs; i++)
        fixture->scale[i] = 1;
    fixture->set.n_targets = outputs;
    (void)snprintf(spec, sizeof(spec), "{'model': [%s]}", layers);
    fixture_parse(fixture, spec);
    model = fixture_build(fixture);
    assert_true(
        model_predict(model, &fixture->set, fixture->row, CUT_ROWS, prediction, NULL, &error));
    model_free(&model);
    return prediction;
}

static void set_up_unequal(struct fixture *fixture)
{
    fixture_set_up_sequences(fixture, TASK_REGRESSION, CUT_ROWS,
                             (struct shape){.steps = CUT_STEPS, .width = CUT_WIDTH}, 1);
    fixture->input.varies = true;
}

static void check_cut(int64_t first, int64_t end)
{
    scoped(memory_free) double *prediction = NULL;
    struct fixture fixture;
    int64_t outputs;
    char layers[256];

    set_up_unequal(&fixture);
    outputs =
        ((end <= 0 ? CUT_STEPS + end : end) - (first < 0 ? CUT_STEPS + first : first)) * CUT_WIDTH;
    (void)snprintf(layers, sizeof(layers),
                   "{'type': 'slice', 'axis': 'steps', 'first': %d, 'end': %d}, 'flatten'",
                   (int)first, (int)end);
    prediction = layers_give(&fixture, layers, outputs);
    for (int64_t i = 0; i < CUT_ROWS * outputs; i++) {
        int64_t row = i / outputs, at = i % outputs;
        double wanted = cut_value(&fixture, row, first, end, at / CUT_WIDTH, at % CUT_WIDTH);

        if (!(fabs(prediction[i] - wanted) < 1e-6))
            fail_msg("[%d, %d): row %d has %g at %d, not %g", (int)first, (int)end, (int)row,
                     prediction[i], (int)at, wanted);
    }
    fixture_tear_down(&fixture);
}

/* The fixture's rows have 5, 4, 3, 2, 1, 5, ... steps. */
static void steps_are_cut_from_each_rows_own_end(void **state)
{
    (void)state;
    for (int64_t first = -CUT_STEPS; first < CUT_STEPS; first++)
        for (int64_t end = 1 - CUT_STEPS; end <= CUT_STEPS; end++) {
            int64_t from = first < 0 ? CUT_STEPS + first : first;
            int64_t to = end <= 0 ? CUT_STEPS + end : end;

            if (from < to && !(first < 0 && end > 0)) /* no row gives more than the longest */
                check_cut(first, end);
        }
}

/* Two branches of three steps: the first ones of a row, and those from its third on. */
enum { JOIN_STEPS = 3, LATER = 2 };
#define EARLY "{'type': 'branch', 'name': 'a'}, {'type': 'slice', 'axis': 'steps', 'end': 3}, "
#define LATE "{'type': 'branch', 'name': 'b'}, {'type': 'slice', 'axis': 'steps', 'first': 2}, "

/* A row that has nothing of a branch gives a step of zeros there. */
static int64_t branch_length(int64_t row, bool late)
{
    int64_t length = fixture_length(row, CUT_STEPS) - (late ? LATER : 0);

    return length < 1 ? 1 : length > JOIN_STEPS ? JOIN_STEPS : length;
}

static double branch_value(const struct fixture *fixture, int64_t row, bool late, int64_t step,
                           int64_t k)
{
    return cut_value(fixture, row, late ? LATER : 0, 0, step, k);
}

/* Of a step that one branch has, its value. */
static double joined_value(const struct fixture *fixture, const char *kind, int64_t row,
                           int64_t step, int64_t k)
{
    bool early = step < branch_length(row, false), late = step < branch_length(row, true);
    double a = branch_value(fixture, row, false, step, k);
    double b = branch_value(fixture, row, true, step, k);

    if (!early || !late)
        return early ? a : late ? b : 0;
    if (strcmp(kind, "multiply") == 0)
        return a * b;
    return strcmp(kind, "mean") == 0 ? (a + b) / 2 : a + b;
}

static void check_joined(const char *kind, bool swapped, bool last)
{
    scoped(memory_free) double *prediction = NULL;
    bool beside = strcmp(kind, "concat") == 0;
    int64_t width = CUT_WIDTH * (beside ? 2 : 1), steps = last ? 1 : JOIN_STEPS;
    struct fixture fixture;
    char layers[512];

    set_up_unequal(&fixture);
    (void)snprintf(layers, sizeof(layers), "%s%s'%s', %s'flatten'", swapped ? LATE : EARLY,
                   swapped ? EARLY : LATE, kind,
                   last ? "{'type': 'slice', 'axis': 'steps', 'first': -1}, " : "");
    prediction = layers_give(&fixture, layers, steps * width);
    for (int64_t i = 0; i < CUT_ROWS * steps * width; i++) {
        int64_t row = i / (steps * width), step = i / width % steps, k = i % width;
        int64_t early = branch_length(row, false), late = branch_length(row, true);
        int64_t at = last ? (early > late ? early : late) - 1 : step;
        double wanted =
            beside ? branch_value(&fixture, row, swapped != (k >= CUT_WIDTH), at, k % CUT_WIDTH)
                   : joined_value(&fixture, kind, row, at, k);

        if (!(fabs(prediction[i] - wanted) < 1e-6 * (1 + fabs(wanted))))
            fail_msg("%s: row %d has %g at step %d, not %g", layers, (int)row, prediction[i],
                     (int)at, wanted);
    }
    fixture_tear_down(&fixture);
}

/* Whichever comes first. */
static void rows_that_are_joined_are_as_long_as_their_longest_branch(void **state)
{
    static const char *const kinds[] = {"add", "concat", "mean", "multiply"};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (int way = 0; way < 4; way++)
            check_joined(kinds[i], way & 1, way & 2);
}

/* Of the steps [first, end) that a row has. */
static double pooled_value(const struct fixture *fixture, bool most, int64_t row, int64_t first,
                           int64_t end, int64_t k)
{
    double value = most ? -INFINITY : 0;

    for (int64_t step = first; step < end; step++) {
        double x = fixture->x[(row * CUT_STEPS + step) * CUT_WIDTH + k];

        value = most ? fmax(value, x) : value + x / (double)(end - first);
    }
    return value;
}

static void check_pooled(bool most, int64_t size, int64_t stride)
{
    scoped(memory_free) double *prediction = NULL;
    int64_t steps = (CUT_STEPS - size) / stride + 1;
    struct fixture fixture;
    char layers[256];

    set_up_unequal(&fixture);
    for (int64_t i = 0; i < (int64_t)CUT_ROWS * CUT_STEPS * CUT_WIDTH; i++)
        fixture.x[i] = -5 - fabs(fixture.x[i]); /* 0 is more than any value */
    (void)snprintf(layers, sizeof(layers), "{'type': '%s', 'size': %d, 'stride': %d}, 'flatten'",
                   most ? "max_pool1d" : "average_pool1d", (int)size, (int)stride);
    prediction = layers_give(&fixture, layers, steps * CUT_WIDTH);
    for (int64_t i = 0; i < CUT_ROWS * steps * CUT_WIDTH; i++) {
        int64_t row = i / (steps * CUT_WIDTH), first = i / CUT_WIDTH % steps * stride;
        int64_t length = fixture_length(row, CUT_STEPS);
        int64_t end = first + size < length ? first + size : length;
        bool has = first == 0 || first + size <= length;
        double wanted = has ? pooled_value(&fixture, most, row, first, end, i % CUT_WIDTH) : 0;

        if (!(fabs(prediction[i] - wanted) < 1e-5))
            fail_msg("%s: row %d of %d steps has %g from step %d on, not %g", layers, (int)row,
                     (int)length, prediction[i], (int)first, wanted);
    }
    fixture_tear_down(&fixture);
}

static void rows_that_are_shorter_than_a_pools_window_are_pooled_alone(void **state)
{
    (void)state;
    for (int64_t size = 1; size <= CUT_STEPS; size++)
        for (int64_t stride = 1; stride <= size; stride++) {
            check_pooled(true, size, stride);
            check_pooled(false, size, stride);
        }
}

/* Lengths go on with what is cut out: the last step of what a row has is its own last. */
static void last_steps_of_unequal_rows_are_their_own(void **state)
{
    double whole[12 * 2], last[12 * 2];

    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        struct fixture fixture;
        struct model *model;
        struct error error;

        fixture_set_up_sequences(&fixture, TASK_REGRESSION, 12,
                                 (struct shape){.steps = 5, .width = 3}, 2);
        fixture.input.varies = true;
        fixture_parse(&fixture, cut ? "{'model': [{'type': 'lstm', 'units': 2, 'sequences': true},"
                                      " {'type': 'slice', 'axis': 'steps', 'first': -2},"
                                      " {'type': 'slice', 'axis': 'steps', 'first': -1},"
                                      " 'flatten']}"
                                    : "{'model': [{'type': 'lstm', 'units': 2}]}");
        model = fixture_build(&fixture);
        assert_true(
            model_predict(model, &fixture.set, fixture.row, 12, cut ? last : whole, NULL, &error));
        model_free(&model);
        fixture_tear_down(&fixture);
    }
    for (int i = 0; i < 24; i++)
        assert_true(fabs(whole[i] - last[i]) < 1e-5);
}

/* Running moments follow the batches, are kept with the weights, and predictions use them. */
static void batch_norm_predicts_with_its_running_moments(void **state)
{
    struct fixture fixture;
    struct model *model;
    struct network *network;
    struct model_step step;
    struct loss_sum sum = {0};
    struct error error;
    double prediction[24], mean = 0;

    (void)state;
    fixture_set_up(&fixture, TASK_REGRESSION, 12, 2, 2);
    fixture_parse(&fixture, "{'model': [{'type': 'batch_norm', 'momentum': 0}],"
                            " 'train': {'batch': 12, 'optimizer': {'type': 'sgd', 'rate': 1e-9}}}");
    model = fixture_build(&fixture);
    network = (struct network *)model;
    step = (struct model_step){
        .set = &fixture.set, .row = fixture.row, .n = 12, .step = 1, .rate_scale = 1};
    assert_true(model->kind->advance(model, &step, &sum, &error));
    for (int i = 0; i < 12; i++)
        mean += fixture.x[2 * i] / 12;
    assert_true(fabs((double)network_parameter(network, "batch_norm1.mean")->value[0] - mean) <
                1e-5);
    assert_null(network_parameter(network, "batch_norm1.mean")->gradient);
    assert_true(network->n_learnt < network->n_elements);
    assert_true(model_predict(model, &fixture.set, fixture.row, 1, prediction, NULL, &error));
    assert_true(fabs((prediction[0] - 500) / 10 -
                     (fixture.x[0] - mean) /
                         sqrt((double)network_parameter(network, "batch_norm1.variance")->value[0] +
                              1e-5)) < 1e-4);
    model_free(&model);
    fixture_tear_down(&fixture);
}

/* ---- what survives a step, and what does not ---- */

static const char *const stacks[] = {
    "{'type': 'lstm', 'units': 5, 'dropout': 0.2, 'recurrent_dropout': 0.3, 'mask': 'per_gate'}",
    "{'type': 'lstm', 'units': 5, 'sequences': true}, 'batch_norm', {'type': 'gru', 'units': 3}",
    "{'type': 'simple_rnn', 'units': 3, 'bidirectional': true}",
    "{'type': 'conv1d', 'filters': 4, 'size': 2, 'padding': 'same'}, 'batch_norm', 'gelu',"
    " {'type': 'max_pool1d'}, 'flatten', 'layer_norm', 'dropout'",
};
#define STACKS (sizeof(stacks) / sizeof(stacks[0]))

static void parse_stack(struct fixture *fixture, size_t index, bool varies)
{
    char spec[512];

    fixture_set_up_sequences(fixture, TASK_CLASSIFICATION, 12,
                             (struct shape){.steps = 5, .width = 3}, 3);
    fixture->input.varies = varies;
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, {'type': 'dense', 'units': 3}], 'train': {'batch': 4}}",
                   stacks[index]);
    fixture_parse(fixture, spec);
}

static void advance(struct model *model, const struct fixture *fixture, int step)
{
    const struct model_step at = {.set = &fixture->set,
                                  .row = fixture->row + 4 * (step % 3),
                                  .n = 4,
                                  .soon = fixture->row + 4 * ((step + 1) % 3),
                                  .n_soon = 4,
                                  .seed = 6,
                                  .step = (uint64_t)step + 1,
                                  .rate_scale = 1};
    struct loss_sum sum = {0};
    struct error error;

    assert_true(model->kind->advance(model, &at, &sum, &error));
}

static void networks_go_on_from_their_registered_state_bit_for_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < STACKS; i++) {
        struct state from = {0}, to = {0};
        struct model *model, *resumed;
        struct fixture fixture;
        struct error error;

        parse_stack(&fixture, i, i % 2 == 0);
        model = fixture_build(&fixture);
        resumed = fixture_build(&fixture);
        assert_true(model->kind->declare(model, &from, &error));
        assert_true(resumed->kind->declare(resumed, &to, &error));
        for (int step = 0; step < 3; step++)
            advance(model, &fixture, step);
        for (int k = 0; k < from.n; k++)
            memcpy(to.piece[k].data, from.piece[k].data, from.piece[k].size);
        for (int step = 3; step < 6; step++) {
            advance(model, &fixture, step);
            advance(resumed, &fixture, step);
        }
        for (int k = 0; k < from.n; k++)
            assert_memory_equal(to.piece[k].data, from.piece[k].data, from.piece[k].size);
        model_free(&model);
        model_free(&resumed);
        fixture_tear_down(&fixture);
    }
}

static void predictions_do_not_depend_on_the_rows_beside_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * STACKS; i++) {
        double together[36], alone[3];
        struct fixture fixture;
        struct model *model;
        struct error error;

        parse_stack(&fixture, i / 2, i % 2 == 0);
        model = fixture_build(&fixture);
        advance(model, &fixture, 0);
        assert_true(model_predict(model, &fixture.set, fixture.row, 12, together, NULL, &error));
        for (int row = 0; row < 12; row++) {
            assert_true(
                model_predict(model, &fixture.set, fixture.row + row, 1, alone, NULL, &error));
            for (int k = 0; k < 3; k++)
                assert_true(fabs(alone[k] - together[3 * row + k]) < 1e-6);
        }
        model_free(&model);
        fixture_tear_down(&fixture);
    }
}

/* Networks whose products are computed in tiles once they are quickened. */
static const char *const tiled[] = {
    "{'type': 'dense', 'units': 40, 'activation': 'relu'}, 'flatten'",
    "{'type': 'conv1d', 'filters': 40, 'size': 2, 'activation': 'relu'}, 'flatten'",
    "{'type': 'conv1d', 'filters': 7, 'padding': 'same', 'dilation': 2}, 'flatten'",
    "{'type': 'conv1d', 'filters': 33, 'padding': 'causal', 'bias': false}, 'flatten'",
    "{'type': 'conv1d', 'filters': 4}, {'type': 'conv1d', 'filters': 33}, 'flatten'",
    "{'type': 'conv1d', 'filters': 6, 'stride': 2}, 'flatten'",
    "'flatten'",
};

static struct model *tiled_network(struct fixture *fixture, size_t index, double *ret_before)
{
    char spec[512];
    struct model *model;
    struct error error;

    fixture_set_up_sequences(fixture, TASK_CLASSIFICATION, 12,
                             (struct shape){.steps = 5, .width = 3}, 3);
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, {'type': 'dense', 'units': 3}], 'train': {'batch': 4}}",
                   tiled[index]);
    fixture_parse(fixture, spec);
    model = fixture_build(fixture);
    advance(model, fixture, 0);
    assert_true(model_predict(model, &fixture->set, fixture->row, 12, ret_before, NULL, &error));
    return model;
}

/* Probabilities of sums of a few terms, each of which is within 2^-15 of its size. */
static void check_quickened(const struct bf16x3_kernel *kernel, size_t index)
{
    double before[36], quick[36], alone[3];
    struct fixture fixture;
    struct model *model = tiled_network(&fixture, index, before);
    struct error error;

    assert_true(model_quicken(model, kernel, &error));
    assert_true(model_predict(model, &fixture.set, fixture.row, 12, quick, NULL, &error));
    assert_memory_not_equal(quick, before, sizeof(quick));
    for (int i = 0; i < 36; i++)
        assert_true(fabs(quick[i] - before[i]) < 1e-4);
    for (int row = 0; row < 12; row++) {
        assert_true(model_predict(model, &fixture.set, fixture.row + row, 1, alone, NULL, &error));
        for (int k = 0; k < 3; k++)
            assert_true(fabs(alone[k] - quick[3 * row + k]) < 1e-6);
    }
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void quickened_networks_predict_the_same_to_their_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tiled) / sizeof(tiled[0]); i++) {
        check_quickened(&bf16x3_plain, i);
        if (bf16x3_pick())
            check_quickened(bf16x3_pick(), i);
    }
}

static struct prefetch foreseen;

static void foresee_values(const struct sample_set *set, struct prefetch *prefetch)
{
    const struct fixture *fixture = set->context;
    int64_t bytes = set->input->shape.steps * set->input->shape.width * (int64_t)sizeof(double);

    prefetch_add(prefetch, fixture->x, bytes, 0, bytes);
    foreseen = *prefetch;
}

/* On processors that gain by it: a trip's, and after the last one the next step's. */
static void next_rows_are_foreseen_after_each_trip(void **state)
{
    struct fixture fixture;
    struct network *network;
    struct model *model;

    (void)state;
    fixture_set_up_sequences(&fixture, TASK_CLASSIFICATION, 12,
                             (struct shape){.steps = 5, .width = 3}, 3);
    fixture_parse(&fixture, "{'model': ['flatten', {'type': 'dense', 'units': 3}],"
                            " 'train': {'batch': 4}}");
    fixture.set.foresee = foresee_values;
    model = fixture_build(&fixture);
    network = (struct network *)model;
    for (int step = 0; step < 3; step++) {
        foreseen = (struct prefetch){0};
        network->prefetches = step > 0;
        advance(model, &fixture, step);
        assert_int_equal(foreseen.n, step > 0 ? 4 : 0);
        assert_ptr_equal(foreseen.row, step > 0 ? fixture.row + 4 * ((step + 1) % 3) : NULL);
    }
    model_free(&model);
    fixture_tear_down(&fixture);
}

/* Trips after the first use the weights that it packed, and the next call those of then: a twin
 * that never makes two trips says what they are. */
static void later_trips_predict_like_the_first(void **state)
{
    struct fixture fixture;
    struct model *model, *twin;
    struct error error;

    (void)state;
    fixture_set_up_sequences(&fixture, TASK_CLASSIFICATION, 12,
                             (struct shape){.steps = 5, .width = 3}, 3);
    fixture_parse(&fixture, "{'model': ['flatten', {'type': 'dense', 'units': 7},"
                            " {'type': 'dense', 'units': 3}], 'train': {'batch': 4}}");
    model = fixture_build(&fixture);
    twin = fixture_build(&fixture);
    const int64_t n = 2 * ((const struct network *)model)->predicting.pass.capacity + 12;
    int64_t *row = calloc((size_t)n, sizeof(*row));
    double *all = calloc((size_t)n * 3, sizeof(*all)), few[12 * 3];

    assert_true(row && all);
    for (int64_t i = 0; i < n; i++)
        row[i] = i % 12;
    for (int step = 0; step < 3; step++) {
        assert_true(twin->kind->predict(twin, &fixture.set, row, 12, few, NULL, &error));
        assert_true(model->kind->predict(model, &fixture.set, row, n, all, NULL, &error));
        for (int64_t i = 0; i < n * 3; i++)
            assert_true(fabs(all[i] - few[i % 36]) <= 1e-6);
        advance(twin, &fixture, step);
        advance(model, &fixture, step);
    }
    free(row);
    free(all);
    model_free(&twin);
    model_free(&model);
    fixture_tear_down(&fixture);
}

/* failure mode 14: what is not allocated cannot grow */
static void predicting_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * STACKS; i++) {
        double prediction[36];
        struct fixture fixture;
        struct model *model;
        struct error error;

        parse_stack(&fixture, i / 2, i % 2 == 0);
        model = fixture_build(&fixture);
        for (int round = 0; round < 3; round++) {
            bool done;

            memory_double_start(0);
            done = model_predict(model, &fixture.set, fixture.row, 12 - round, prediction, NULL,
                                 &error);
            if (round > 0) /* what the first one needs stays */
                assert_false(memory_double_stop());
            else if (memory_double_stop())
                done =
                    model_predict(model, &fixture.set, fixture.row, 12, prediction, NULL, &error);
            assert_true(done);
        }
        model_free(&model);
        fixture_tear_down(&fixture);
    }
}

static void too_many_parameters_are_refused_before_they_are_allocated(void **state)
{
    (void)state;
    assert_refused(TASK_CLASSIFICATION,
                   "[{'type': 'dense', 'units': 1048576}, {'type': 'dense', 'units': 1048576}]",
                   "model[1]", "too many");
}

static void sizes_may_be_formulas(void **state)
{
    struct fixture fixture;
    struct model *model;
    struct model_plan plan;
    struct error error;
    int64_t parameters, memory;

    (void)state;
    fixture_set_up(&fixture, TASK_CLASSIFICATION, 12, 4, 3);
    fixture_parse(&fixture,
                  "{'train': {'batch': 10}, 'model': [{'type': 'dense', 'units': '131*9'},"
                  " {'type': 'dense', 'units': 'batch+2*(features-4)', 'bias': false},"
                  " {'type': 'dense', 'units': 'classes'}]}");
    model = fixture_build(&fixture);
    assert_int_equal(model->n_parameters, 1179 * 4 + 1179 + 10 * 1179 + 3 * 10 + 3);
    plan = fixture_plan(&fixture);
    assert_true(model_measure(&plan, &parameters, &memory, &error));
    assert_int_equal(parameters, model->n_parameters);
    assert_int_equal(memory, model->memory);
    assert_true(memory > 5 * 4 * parameters && memory < 60 * 4 * parameters);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void arrays_have_the_names_of_their_layers(void **state)
{
    static const char *const names[] = {"dense1.weight", "dense1.bias", "dense2.weight",
                                        "dense2.bias"};
    struct model_array array;
    struct fixture fixture;
    struct model *model;

    (void)state;
    fixture_set_up(&fixture, TASK_CLASSIFICATION, 12, 4, 3);
    fixture_parse(&fixture, "{'model': [{'type': 'dense', 'units': 5}, 'relu', 'dropout',"
                            " {'type': 'dense', 'units': 'classes'}]}");
    model = fixture_build(&fixture);
    for (int64_t i = 0; i < 4; i++) {
        assert_true(model_array(model, i, &array));
        assert_string_equal(array.name, names[i]);
    }
    assert_true(model_array(model, 2, &array));
    assert_int_equal(array.rows, 3);
    assert_int_equal(array.columns, 5);
    assert_false(model_array(model, 4, &array));
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void model_without_optimizer_predicts_the_same(void **state)
{
    struct fixture fixture;
    struct model *model, *copy;
    struct model_array from, to;
    struct model_plan plan;
    struct error error;
    double one[36], other[36];

    (void)state;
    fixture_set_up(&fixture, TASK_CLASSIFICATION, 12, 4, 3);
    fixture_parse(&fixture, "{'model': [{'type': 'dense', 'units': 5, 'activation': 'tanh'},"
                            " 'dropout', {'type': 'dense', 'units': 'classes'}]}");
    model = fixture_build(&fixture);
    plan = fixture_plan(&fixture);
    plan.update = (struct update_plan){0};
    plan.batch = 0;
    plan.seed = 99;
    assert_true(model_build(&plan, &copy, &error));
    assert_true(copy->memory < model->memory);
    for (int64_t i = 0; model_array(model, i, &from) && model_array(copy, i, &to); i++)
        memcpy(to.value, from.value, (size_t)(to.rows * to.columns) * sizeof(real));
    assert_true(model_predict(model, &fixture.set, fixture.row, 12, one, NULL, &error));
    assert_true(model_predict(copy, &fixture.set, fixture.row, 12, other, NULL, &error));
    assert_memory_equal(one, other, sizeof(one));
    for (int i = 0; i < 12; i++)
        assert_true(fabs(one[3 * i] + one[3 * i + 1] + one[3 * i + 2] - 1) < 1e-12);
    model_free(&copy);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void regression_predicts_in_the_targets_own_units(void **state)
{
    struct fixture fixture;
    struct model *model;
    struct error error;
    double prediction[24];

    (void)state;
    fixture_set_up(&fixture, TASK_REGRESSION, 12, 4, 2);
    fixture_parse(&fixture, "{'model': [{'type': 'dense', 'units': 'targets'}]}");
    model = fixture_build(&fixture);
    memset(((struct network *)model)->value, 0,
           (size_t)((struct network *)model)->n_elements * sizeof(real));
    network_parameter((struct network *)model, "dense1.bias")->value[1] = 2;
    assert_true(model_predict(model, &fixture.set, fixture.row, 12, prediction, NULL, &error));
    for (int i = 0; i < 12; i++) {
        assert_true(prediction[2 * i] == 500);     /* 0 * 10 + 500 */
        assert_true(prediction[2 * i + 1] == 520); /* 2 * 10 + 500 */
    }
    model_free(&model);
    fixture_tear_down(&fixture);
}

/* ---- first values ---- */

static void initialisers_have_their_mean_and_variance(void **state)
{
    static const struct {
        const char *name;
        double config, variance; /* what the settings begin with */
    } expected[] = {{"glorot_normal", 0, 2.0 / 500}, {"glorot_uniform", 0, 2.0 / 500},
                    {"he_normal", 0, 2.0 / 200},     {"he_uniform", 0, 2.0 / 200},
                    {"lecun_normal", 0, 1.0 / 200},  {"lecun_uniform", 0, 1.0 / 200},
                    {"normal", 0.3, 0.09},           {"uniform", 0.3, 0.03},
                    {"orthogonal", 0, 1.0 / 300}};
    static real value[60000];

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct kind *kind = kind_find(&initializer_registry, expected[i].name);
        const struct initializer_target target = {.value = value,
                                                  .n = 60000,
                                                  .rows = 300,
                                                  .columns = 200,
                                                  .fan_in = 200,
                                                  .fan_out = 300,
                                                  .seed = 1,
                                                  .purpose = 2};
        double sum = 0, squares = 0, deviation = sqrt(expected[i].variance);

        assert_non_null(kind);
        assert_true(((const struct initializer_kind *)kind)->fill(&expected[i].config, &target));
        for (int k = 0; k < 60000; k++) {
            sum += (double)value[k];
            squares += (double)value[k] * (double)value[k];
        }
        assert_true(fabs(sum / 60000) < 0.02 * deviation);
        assert_true(fabs(squares / 60000 / expected[i].variance - 1) < 0.02);
    }
}

static const struct initializer_kind *initializer(const char *name)
{
    return (const struct initializer_kind *)kind_find(&initializer_registry, name);
}

static void orthogonal_vectors_are_the_fewer_ones(void **state)
{
    static const int64_t shapes[][2] = {{7, 3}, {3, 7}, {5, 5}, {1, 4}};
    real value[64];

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        int64_t rows = shapes[i][0], columns = shapes[i][1];
        bool tall = rows > columns;
        int64_t count = tall ? columns : rows, n = tall ? rows : columns;
        const struct initializer_target target = {
            .value = value, .n = rows * columns, .rows = rows, .columns = columns, .seed = 4};

        assert_true(initializer("orthogonal")->fill(NULL, &target));
        for (int64_t a = 0; a < count; a++)
            for (int64_t b = 0; b < count; b++) {
                double sum = 0;

                for (int64_t k = 0; k < n; k++)
                    sum += (double)value[tall ? k * columns + a : a * columns + k] *
                           (double)value[tall ? k * columns + b : b * columns + k];
                assert_true(fabs(sum - (a == b)) < 1e-6);
            }
    }
}

static void forget_gates_begin_open_and_constants_are_constant(void **state)
{
    const double constant = 2.5;
    real value[12];
    const struct initializer_target target = {.value = value, .n = 12, .rows = 12, .columns = 1};

    (void)state;
    assert_true(initializer("forget_bias")->fill(NULL, &target));
    for (int i = 0; i < 12; i++)
        assert_true(value[i] == (i >= 3 && i < 6 ? 1 : 0));
    assert_true(initializer("constant")->fill(&constant, &target));
    for (int i = 0; i < 12; i++)
        assert_true(value[i] == (real)constant);
}

static void first_values_depend_on_seed_and_name_alone(void **state)
{
    struct fixture fixture;
    struct model *one, *two;
    struct network *a, *b;

    (void)state;
    fixture_set_up(&fixture, TASK_CLASSIFICATION, 12, 4, 3);
    fixture_parse(&fixture, "{'model': [{'type': 'dense', 'units': 4},"
                            " {'type': 'dense', 'units': 'classes'}]}");
    one = fixture_build(&fixture);
    fixture_parse(&fixture, "{'model': ['dropout', {'type': 'dense', 'units': 4}, 'relu',"
                            " {'type': 'dense', 'units': 'classes'}]}");
    two = fixture_build(&fixture);
    a = (struct network *)one;
    b = (struct network *)two;
    assert_memory_equal(network_parameter(a, "dense1.weight")->value,
                        network_parameter(b, "dense1.weight")->value, 16 * sizeof(real));
    assert_memory_equal(network_parameter(a, "dense2.weight")->value,
                        network_parameter(b, "dense2.weight")->value, 12 * sizeof(real));
    assert_memory_not_equal(network_parameter(a, "dense1.weight")->value,
                            network_parameter(a, "dense2.weight")->value, 12 * sizeof(real));
    model_free(&one);
    model_free(&two);
    fixture_tear_down(&fixture);
}

/* ---- registries ---- */

static void check_registry(const struct kind_registry *registry, const char *folder,
                           const char *const *shared)
{
    DIR *list = opendir(folder);
    struct dirent *entry;
    int files = 0, kinds = 0;

    assert_non_null(list);
    while ((entry = readdir(list))) {
        size_t length = strlen(entry->d_name);
        bool counts = length > 2 && strcmp(entry->d_name + length - 2, ".c") == 0;

        for (int i = 0; shared[i] && counts; i++)
            counts = strcmp(entry->d_name, shared[i]) != 0;
        files += counts;
    }
    closedir(list);
    for (; registry->kind[kinds]; kinds++) {
        const struct kind *kind = registry->kind[kinds];
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s.c", folder, kind->name);
        if (!file_exists(AT_FDCWD, path))
            fail_msg("%s is missing", path);
        assert_true(strlen(kind->help) > 10 && kind->help[strlen(kind->help) - 1] == '.');
        if (kinds > 0)
            assert_true(strcmp(registry->kind[kinds - 1]->name, kind->name) < 0);
    }
    assert_int_equal(files, kinds);
}

static void registries_and_folders_agree(void **state)
{
    static const char *const layer[] = {"activation.c", "crop.c",           "layer.c",
                                        "recurrent.c",  "recurrent_trip.c", "join.c",
                                        "pool.c",       "registry.c",       NULL};
    static const char *const loss[] = {"loss.c", "mixture.c", "registry.c", NULL};
    static const char *const optimizer[] = {"registry.c", "update.c", NULL};
    static const char *const rule[] = {"registry.c", NULL};
    static const char *const schedule[] = {"registry.c", "schedule.c", NULL};
    static const char *const initializer[] = {"variance.c", "registry.c", NULL};
    static const char *const metric[] = {"bootstrap.c", "metric.c",   "outcome.c",
                                         "ranking.c",   "registry.c", NULL};
    static const char *const split[] = {"config.c", "groups.c",     "registry.c", "shares.c",
                                        "split.c",  "split_json.c", "values.c",   NULL};

    (void)state;
    check_registry(&layer_registry, "worker/engine/layer", layer);
    check_registry(&loss_registry, "worker/engine/loss", loss);
    check_registry(&optimizer_registry, "worker/engine/optimizer", optimizer);
    check_registry(&rule_registry, "worker/engine/rule", rule);
    check_registry(&schedule_registry, "worker/engine/schedule", schedule);
    check_registry(&initializer_registry, "worker/engine/initializer", initializer);
    check_registry(&metric_registry, "worker/engine/metric", metric);
    check_registry(&split_registry, "worker/engine/dataset/split", split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_agree_with_pytorch),
        cmocka_unit_test(network_and_optimizers_agree_with_pytorch),
        cmocka_unit_test(width_that_does_not_fit_the_target_names_the_layer_to_change),
        cmocka_unit_test(wrong_sizes_name_their_setting),
        cmocka_unit_test(branches_that_do_not_meet_are_refused),
        cmocka_unit_test(moments_of_a_batch_are_not_taken_of_parts),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(several_inputs_are_taken_by_name),
        cmocka_unit_test(state_goes_on_where_the_sample_before_ended),
        cmocka_unit_test(a_chain_needs_no_neighbours),
        cmocka_unit_test(both_directions_are_merged_as_asked),
        cmocka_unit_test(steps_are_cut_from_each_rows_own_end),
        cmocka_unit_test(last_steps_of_unequal_rows_are_their_own),
        cmocka_unit_test(rows_that_are_joined_are_as_long_as_their_longest_branch),
        cmocka_unit_test(rows_that_are_shorter_than_a_pools_window_are_pooled_alone),
        cmocka_unit_test(batch_norm_predicts_with_its_running_moments),
        cmocka_unit_test(networks_go_on_from_their_registered_state_bit_for_bit),
        cmocka_unit_test(predictions_do_not_depend_on_the_rows_beside_them),
        cmocka_unit_test(quickened_networks_predict_the_same_to_their_bound),
        cmocka_unit_test(next_rows_are_foreseen_after_each_trip),
        cmocka_unit_test(later_trips_predict_like_the_first),
        cmocka_unit_test(predicting_allocates_nothing),
        cmocka_unit_test(too_many_parameters_are_refused_before_they_are_allocated),
        cmocka_unit_test(sizes_may_be_formulas),
        cmocka_unit_test(arrays_have_the_names_of_their_layers),
        cmocka_unit_test(model_without_optimizer_predicts_the_same),
        cmocka_unit_test(regression_predicts_in_the_targets_own_units),
        cmocka_unit_test(orthogonal_vectors_are_the_fewer_ones),
        cmocka_unit_test(forget_gates_begin_open_and_constants_are_constant),
        cmocka_unit_test(initialisers_have_their_mean_and_variance),
        cmocka_unit_test(first_values_depend_on_seed_and_name_alone),
        cmocka_unit_test(registries_and_folders_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
