/* Weights of other programs: a network that has them computes what those programs would. The
 * numbers are those of tests/golden/make_outside.py. */
#include "tests/support/golden.h"
#include "tests/unit/engine/fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/file.h"
#include "worker/engine/pipeline.h"

#define ROWS 5

static const char keras_layers[] =
    "{'model': [{'type': 'conv1d', 'filters': 5, 'size': 2},"
    " {'type': 'lstm', 'units': 4, 'sequences': true, 'bidirectional': true},"
    " {'type': 'layer_norm', 'epsilon': 1e-3}, {'type': 'gru', 'units': 4},"
    " {'type': 'batch_norm', 'epsilon': 1e-3}, {'type': 'dense', 'units': 3},"
    " {'type': 'dense', 'units': 2}]}";
static const char dense_layers[] =
    "{'model': [{'type': 'dense', 'units': 3}, {'type': 'dense', 'units': 2}]}";

static const char named_layers[] =
    "{'model': [{'type': 'dense', 'units': 4}, {'type': 'gru', 'units': 4, 'reset_after': false},"
    " {'type': 'dense', 'units': 2}], 'train': {'start': {'names': "
    "['dense1=wide', 'gru1=reader', 'dense2=answer']}}}";

static void set_up(struct fixture *fixture, const cJSON *golden, struct shape shape,
                   const char *layers)
{
    const cJSON *x = json_member(golden, "x");
    int64_t n = ROWS * shape.steps * shape.width;

    fixture_set_up_sequences(fixture, TASK_REGRESSION, ROWS, shape, 2);
    fixture_parse(fixture, layers);
    assert_int_equal(cJSON_GetArraySize(x), n);
    for (int64_t i = 0; i < n; i++)
        fixture->x[i] = cJSON_GetArrayItem(x, (int)i)->valuedouble;
    for (int i = 0; i < 2; i++) {
        fixture->offset[i] = 0;
        fixture->scale[i] = 1;
    }
}

static void check(const char *name, struct shape shape, const char *layers, const char *path,
                  int64_t parameters)
{
    scoped(json_free) cJSON *all = golden_read("tests/golden/outside.json");
    const cJSON *golden = json_member(all, name), *y = json_member(golden, "y");
    double prediction[2 * ROWS];
    struct fixture fixture;
    struct model *model;
    struct error error;
    int64_t taken, of;

    set_up(&fixture, golden, shape, layers);
    model = fixture_build(&fixture);
    if (!model_file_take(path, &fixture.spec.train.start, model, &taken, &of, &error))
        fail_msg("%s", error.message);
    assert_int_equal(taken, parameters);
    assert_int_equal(of, parameters);
    assert_true(model_predict(model, &fixture.set, fixture.row, ROWS, prediction, NULL, &error));
    for (int i = 0; i < 2 * ROWS; i++) {
        double wanted = cJSON_GetArrayItem(y, i)->valuedouble;

        if (!(fabs(prediction[i] - wanted) <= 1e-5 * fmax(1, fabs(wanted))))
            fail_msg("%s: value %d is %.9g, not %.9g", name, i, prediction[i], wanted);
    }
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void weights_of_keras_compute_what_they_did_there(void **state)
{
    (void)state;
    check("keras", (struct shape){.steps = 6, .width = 3}, keras_layers, "tests/golden/outside.h5",
          22);
}

static void arrays_of_numpy_go_where_their_names_say(void **state)
{
    (void)state;
    check("npz", (struct shape){.steps = 1, .width = 4}, dense_layers, "tests/golden/outside.npz",
          4);
}

static void layers_with_names_of_their_own_are_told(void **state)
{
    (void)state;
    check("named", (struct shape){.steps = 6, .width = 3}, named_layers,
          "tests/golden/outside_named.h5", 7);
}

static void refused(const char *layers, struct shape shape, const char *path, const char *told)
{
    struct fixture fixture;
    struct model *model;
    struct error error;
    int64_t taken, of;

    fixture_set_up_sequences(&fixture, TASK_REGRESSION, ROWS, shape, 2);
    fixture_parse(&fixture, layers);
    model = fixture_build(&fixture);
    assert_false(model_file_take(path, &fixture.spec.train.start, model, &taken, &of, &error));
    if (!strstr(error.message, told))
        fail_msg("%s", error.message);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void what_does_not_fit_is_told(void **state)
{
    const struct shape row = {.steps = 1, .width = 4}, series = {.steps = 6, .width = 3};

    (void)state;
    refused("{'model': [{'type': 'dense', 'units': 2}]}", row, "tests/golden/outside.npz",
            "dense1.weight is 3 x 4, and dense1.weight is 2 x 4");
    refused(
        "{'model': [{'type': 'dense', 'units': 3}, 'layer_norm', {'type': 'dense', 'units': 2}]}",
        row, "tests/golden/outside.npz", "has no layer_norm1.gain; it has dense1.weight");
    refused(dense_layers, (struct shape){.steps = 1, .width = 5}, "tests/golden/outside.h5",
            "is 4 x 3, and dense1.weight is 3 x 5");
    refused("{'model': [{'type': 'simple_rnn', 'units': 2}, {'type': 'dense', 'units': 2}]}", row,
            "tests/golden/outside.h5", "has no simple_rnn1.weight");
#define NAMED(units, names)                                                      \
    "{'model': [{'type': 'dense', 'units': 4}, {'type': 'gru', 'units': 4" units \
    "}, {'type': 'dense', 'units': 2}], 'train': {'start': {'names': [" names "]}}}"
    refused(NAMED(", 'reset_after': false", "'dense1=wide', 'gru1=reader'"), series,
            "tests/golden/outside_named.h5", "has no dense2.weight; it has answer/answer/bias:0");
    refused(NAMED("", "'dense1=wide', 'gru1=reader', 'dense2=answer'"), series,
            "tests/golden/outside_named.h5", "bias:0 is 12, and gru1.bias is 12 x 1");
    refused(NAMED(", 'reset_after': false", "'dense1=wide', 'gru1=gru', 'dense2=answer'"), series,
            "tests/golden/outside_named.h5", "outside_named.h5 has no layer gru");
    refused(NAMED("", "'dense3=wide'"), series, "tests/golden/outside_named.h5",
            "the model has no layer dense3 with weights");
    refused(NAMED("", "'wide'"), series, "tests/golden/outside_named.h5", "not of the form");
    refused(dense_layers, row, "tests/golden/outside.json", "is not an HDF5 file");
    refused(dense_layers, row, "tests/data/mixed.csv", "is not an HDF5 file");
    refused(dense_layers, row, "/nowhere.h5", "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_keras_compute_what_they_did_there),
        cmocka_unit_test(layers_with_names_of_their_own_are_told),
        cmocka_unit_test(arrays_of_numpy_go_where_their_names_say),
        cmocka_unit_test(what_does_not_fit_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
