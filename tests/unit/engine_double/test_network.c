/* In double networks agree to rounding: the golden one with PyTorch, a step in parts with the whole
 * one. */
#include "tests/unit/engine/golden_network.h"

/* ---- parts of a batch ---- */

#define ROWS 400
#define CLASSES 4
#define STEPS 5

/* Wide enough to be cut by itself, as no sequence is. */
#define WIDE "{'type': 'dense', 'units': 700, 'activation': 'tanh'}, "
#define STEPWISE "{'type': 'simple_rnn', 'units': 6, 'sequences': true}, "
#define HALF "'type': 'cross_entropy', 'class_weights': [0, 0, 20, 100], 'smoothing': 0.2"
#define CLASS_WEIGHTS "'type': 'cross_entropy', 'class_weights': [1, 5, 20, 100]"

static const struct parted {
    enum task task;
    const char *layer, *loss;
    bool each, weights; /* each step has a truth, of unequal lengths; rows or steps have weights */
} parted[] = {
    {TASK_CLASSIFICATION, WIDE, "'cross_entropy'", false, false},
    {TASK_CLASSIFICATION, WIDE, "{" CLASS_WEIGHTS "}", false, false},
    {TASK_CLASSIFICATION, WIDE, "{" CLASS_WEIGHTS ", 'smoothing': 0.1}", false, false},
    {TASK_CLASSIFICATION, WIDE,
     "{'type': 'cross_entropy', 'class_weights': [0, 5, 20, 100], 'reduction': 'nonzero'}", false,
     false},
    /* the first half has no row whose label weighs anything */
    {TASK_CLASSIFICATION, WIDE, "{" HALF "}", false, false},
    {TASK_CLASSIFICATION, WIDE, "{" HALF ", 'reduction': 'nonzero'}", false, false},
    {TASK_CLASSIFICATION, STEPWISE, "{" HALF "}", true, false},
    {TASK_CLASSIFICATION, WIDE, "'cross_entropy'", false, true},
    {TASK_CLASSIFICATION, WIDE, "{" CLASS_WEIGHTS "}", false, true},
    {TASK_CLASSIFICATION, WIDE, "{" CLASS_WEIGHTS ", 'reduction': 'nonzero'}", false, true},
    {TASK_CLASSIFICATION, STEPWISE, "'cross_entropy'", true, false},
    {TASK_CLASSIFICATION, STEPWISE, "{" CLASS_WEIGHTS "}", true, true},
    {TASK_REGRESSION, WIDE, "'mse'", false, true},
    {TASK_REGRESSION, STEPWISE, "'mse'", true, false},
    {TASK_REGRESSION, STEPWISE, "'huber'", true, true},
};

/* Labels and weights of the first rows are other than those of the last. */
static void set_up_parted(struct fixture *fixture, const struct parted *at, double *weight)
{
    char spec[512];

    fixture_set_up_sequences(fixture, at->task, ROWS,
                             (struct shape){.steps = at->each ? STEPS : 1, .width = 3}, CLASSES);
    fixture->input.varies = at->each;
    if (at->each)
        fixture_tell_each_step(fixture);
    for (int i = 0; i < ROWS; i++) {
        fixture->label[i] = i < ROWS / 2 ? i % 11 == 0 : i % CLASSES;
        weight[i] = i % 5 == 0 ? 0 : 0.1 + i / 100;
    }
    if (at->weights)
        fixture->set.weight = weight;
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s{'type': 'dense', 'units': 'outputs'}], 'train': {'batch': %d,"
                   " 'optimizer': {'type': 'sgd', 'rate': 1}, 'loss': %s}}",
                   at->layer, ROWS, at->loss);
    fixture_parse(fixture, spec);
}

static struct network *build_parted(const struct fixture *fixture, int64_t parts)
{
    struct model_plan plan = fixture_plan(fixture);
    struct model *model = NULL;
    struct error error;

    plan.parts = parts;
    plan.divides = parts > 1;
    if (!model_build(&plan, &model, &error))
        fail_msg("%s: %s", error.path, error.message);
    return (struct network *)model;
}

static struct loss_sum step_once(struct network *network, const struct fixture *fixture)
{
    const struct model_step step = {
        .set = &fixture->set, .row = fixture->row, .n = ROWS, .step = 1, .rate_scale = 1};
    struct loss_sum sum = {0};
    struct error error;

    assert_true(network->model.kind->advance(&network->model, &step, &sum, &error));
    return sum;
}

static void assert_same_step(const struct fixture *fixture, struct network *whole,
                             struct network *parts, size_t index)
{
    scoped(memory_free) real *before = calloc((size_t)whole->n_elements, sizeof(*before));
    struct loss_sum one, other;
    double most = 0, off = 0;

    assert_non_null(before);
    memcpy(before, whole->value, (size_t)whole->n_elements * sizeof(*before));
    one = step_once(whole, fixture);
    other = step_once(parts, fixture);
    for (int64_t i = 0; i < whole->n_elements; i++) {
        most = fmax(most, fabs(whole->value[i] - before[i]));
        off = fmax(off, fabs(whole->value[i] - parts->value[i]));
    }
    assert_true(most > 1e-4);
    if (!(off <= 1e-10 * most))
        fail_msg("case %d: off by %g of %g", (int)index, off, most);
    assert_true(fabs(one.loss - other.loss) <= 1e-10 * one.loss);
    assert_true(fabs(one.weight - other.weight) <= 1e-10 * one.weight);
}

static void step_in_parts_is_the_same_step(void **state)
{
    double weight[ROWS];

    (void)state;
    for (size_t i = 0; i < sizeof(parted) / sizeof(parted[0]); i++)
        for (int64_t parts = 2; parts <= 3; parts++) {
            struct network *whole, *other;
            struct fixture fixture;

            set_up_parted(&fixture, &parted[i], weight);
            whole = build_parted(&fixture, 1);
            whole->cut_rows = ROWS;
            other = build_parted(&fixture, parts);
            assert_same_step(&fixture, whole, other, i);
            network_free(&whole->model);
            network_free(&other->model);
            fixture_tear_down(&fixture);
        }
}

static void step_that_is_cut_for_the_cache_is_the_same_step(void **state)
{
    double weight[ROWS];

    (void)state;
    for (size_t i = 0; i < sizeof(parted) / sizeof(parted[0]); i++) {
        struct network *whole, *other;
        struct fixture fixture;

        if (parted[i].each)
            continue;
        set_up_parted(&fixture, &parted[i], weight);
        whole = build_parted(&fixture, 1);
        other = build_parted(&fixture, 1);
        assert_in_range(other->cut_rows, 8, ROWS - 1);
        whole->cut_rows = ROWS;
        assert_same_step(&fixture, whole, other, i);
        network_free(&whole->model);
        network_free(&other->model);
        fixture_tear_down(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_agree_with_pytorch),
        cmocka_unit_test(network_and_optimizers_agree_with_pytorch),
        cmocka_unit_test(step_in_parts_is_the_same_step),
        cmocka_unit_test(step_that_is_cut_for_the_cache_is_the_same_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
