/*
 * A small network against PyTorch: outputs, loss, every gradient, and ten steps of each optimizer
 * (tests/golden/make_numeric.py). Runs in float and in double; the double build has to agree to
 * rounding.
 */
#ifndef NIGHTJAR_TESTS_UNIT_ENGINE_GOLDEN_NETWORK_H
#define NIGHTJAR_TESTS_UNIT_ENGINE_GOLDEN_NETWORK_H

#include "tests/support/golden.h"
#include "tests/unit/engine/fixture.h"

#include "worker/engine/model/network.h"

#define GOLDEN_TOLERANCE (sizeof(real) == sizeof(double) ? 1e-12 : 2e-5)
#define GOLDEN_STEPS 10

#define GOLDEN_LAYERS                                       \
    "[{'type': 'dense', 'units': 7}, {'type': 'relu'},"     \
    " {'type': 'dense', 'units': 6, 'activation': 'tanh'}," \
    " {'type': 'leaky_relu', 'alpha': 0.01},"               \
    " {'type': 'dense', 'units': 5}, {'type': 'sigmoid'},"  \
    " {'type': 'dense', 'units': 'outputs'}]"

static inline void golden_compare(const char *what, const real *value, const cJSON *expected)
{
    const cJSON *item;
    int i = 0;

    assert_true(cJSON_GetArraySize(expected) > 0);
    cJSON_ArrayForEach(item, expected)
    {
        double off = fabs((double)value[i] - item->valuedouble);

        if (!(off <= GOLDEN_TOLERANCE * (1 + fabs(item->valuedouble))))
            fail_msg("%s[%d]: %.9g is not %.17g", what, i, (double)value[i], item->valuedouble);
        i++;
    }
}

static inline void golden_parse(struct fixture *fixture, const cJSON *golden)
{
    scoped(memory_free) char *train = cJSON_PrintUnformatted(json_member(golden, "train"));
    char spec[1024];

    /* the batch goes in front of what train says */
    (void)snprintf(spec, sizeof(spec), "{'model': %s, 'train': {'batch': %d, %s}", GOLDEN_LAYERS,
                   (int)fixture->set.n_samples, train + 1);
    fixture_parse(fixture, spec);
}

static inline void golden_fill(struct fixture *fixture, const cJSON *golden)
{
    bool classes = strcmp(json_text(golden, "task", ""), "classification") == 0;
    const cJSON *item;
    int64_t i = 0;

    fixture_set_up(fixture, classes ? TASK_CLASSIFICATION : TASK_REGRESSION,
                   json_integer(golden, "n", 0), json_integer(golden, "inputs", 0),
                   json_integer(golden, "outputs", 0));
    cJSON_ArrayForEach(item, json_member(golden, "x")) fixture->x[i++] = item->valuedouble;
    i = 0;
    cJSON_ArrayForEach(item, json_member(golden, "label")) fixture->label[i++] =
        (int32_t)item->valuedouble;
    i = 0;
    cJSON_ArrayForEach(item, json_member(golden, "target")) fixture->target[i++] =
        item->valuedouble;
    for (i = 0; i < json_integer(golden, "outputs", 0); i++) {
        fixture->offset[i] = 0;
        fixture->scale[i] = 1;
    }
    golden_parse(fixture, golden);
}

static inline void golden_set_weights(struct network *network, const cJSON *initial)
{
    const cJSON *values, *item;

    cJSON_ArrayForEach(values, initial)
    {
        struct parameter *parameter = network_parameter(network, values->string);
        int i = 0;

        assert_non_null(parameter);
        assert_int_equal(cJSON_GetArraySize(values), parameter->rows * parameter->columns);
        cJSON_ArrayForEach(item, values) parameter->value[i++] = (real)item->valuedouble;
    }
}

static inline void golden_first_trip(struct network *network, const struct model_step *step,
                                     const cJSON *golden)
{
    int last = network->n_layers - 1;
    struct loss_sum sum = {0};
    const cJSON *values;

    network_trip(network, step, true, &sum);
    golden_compare("output", network->training.output[last].data, json_member(golden, "output"));
    cJSON_ArrayForEach(values, json_member(golden, "gradient")) golden_compare(
        values->string, network_parameter(network, values->string)->gradient, values);
    memset(network->gradient, 0, (size_t)network->n_elements * sizeof(real));
}

static inline void golden_train(struct network *network, struct model_step *step,
                                const cJSON *golden)
{
    const cJSON *losses = json_member(golden, "losses");
    struct error error;

    for (int i = 0; i < GOLDEN_STEPS; i++) {
        double expected = cJSON_GetArrayItem(losses, i)->valuedouble;
        struct loss_sum sum = {0};

        step->step = (uint64_t)i + 1;
        step->rate_scale = 1;
        assert_true(network->model.kind->advance(&network->model, step, &sum, &error));
        if (!(fabs(sum.loss / sum.weight - expected) <= GOLDEN_TOLERANCE * (1 + expected)))
            fail_msg("%s: loss %d is %.9g, not %.17g", json_text(golden, "name", ""), i,
                     sum.loss / sum.weight, expected);
    }
}

/* The case's own layers on sequences. */
static inline void golden_fill_sequences(struct fixture *fixture, const cJSON *golden)
{
    scoped(memory_free) char *layers = cJSON_PrintUnformatted(json_member(golden, "layers"));
    const struct shape shape = {.steps = json_integer(golden, "steps", 0),
                                .width = json_integer(golden, "width", 0)};
    const cJSON *item;
    int64_t i = 0;
    char spec[2048];

    fixture_set_up_sequences(fixture, TASK_CLASSIFICATION, json_integer(golden, "n", 0), shape,
                             json_integer(golden, "outputs", 0));
    fixture->input.varies = cJSON_IsTrue(json_member(golden, "varies"));
    if (cJSON_IsTrue(json_member(golden, "each")))
        fixture_tell_each_step(fixture);
    cJSON_ArrayForEach(item, json_member(golden, "x")) fixture->x[i++] = item->valuedouble;
    i = 0;
    cJSON_ArrayForEach(item, json_member(golden, "label")) fixture->label[i++] =
        (int32_t)item->valuedouble;
    (void)snprintf(spec, sizeof(spec),
                   "{'model': %s, 'train': {'batch': %d, 'optimizer': {'type': 'sgd',"
                   " 'rate': 0.1}}}",
                   layers, (int)fixture->set.n_samples);
    fixture_parse(fixture, spec);
}

static inline void golden_case(const cJSON *golden)
{
    struct fixture fixture;
    struct model *model;
    struct model_step step;
    const cJSON *values;

    if (json_member(golden, "layers"))
        golden_fill_sequences(&fixture, golden);
    else
        golden_fill(&fixture, golden);
    model = fixture_build(&fixture);
    golden_set_weights((struct network *)model, json_member(golden, "initial"));
    step = (struct model_step){
        .set = &fixture.set, .row = fixture.row, .n = fixture.set.n_samples, .step = 1};
    golden_first_trip((struct network *)model, &step, golden);
    golden_train((struct network *)model, &step, golden);
    cJSON_ArrayForEach(values, json_member(golden, "final")) golden_compare(
        values->string, network_parameter((struct network *)model, values->string)->value, values);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static inline void layers_agree_with_pytorch(void **state)
{
    scoped(json_free) cJSON *cases = golden_read("tests/golden/layers.json");
    const cJSON *golden;

    (void)state;
    assert_true(cJSON_GetArraySize(cases) >= 18);
    cJSON_ArrayForEach(golden, cases) golden_case(golden);
}

static inline void network_and_optimizers_agree_with_pytorch(void **state)
{
    scoped(json_free) cJSON *cases = golden_read("tests/golden/network.json");
    const cJSON *golden;
    int n = 0;

    (void)state;
    cJSON_ArrayForEach(golden, cases)
    {
        golden_case(golden);
        n++;
    }
    assert_int_equal(n, 26);
}

#endif
