/*
 * Every gradient against finite differences, over the registries of layers and losses: a new layer
 * or loss is tested as soon as it is listed. Double precision; |numeric - analytic| <= 1e-7 max|g|
 * + 1e-10, central differences of h = 1e-5.
 */
#include "tests/unit/engine/fixture.h"

#include "worker/engine/model/network.h"
#include "worker/engine/model/pass.h"

#define BATCH 6
#define STEP 1e-5

struct check {
    struct fixture fixture;
    struct model *model;
    struct model_step step;
};

static void set_up(struct check *check, enum task task, const char *spec)
{
    fixture_set_up(&check->fixture, task, BATCH, 4, 3);
    fixture_parse(&check->fixture, spec);
    fixture_suit_loss(&check->fixture);
    check->model = fixture_build(&check->fixture);
    check->step = (struct model_step){
        .set = &check->fixture.set, .row = check->fixture.row, .n = BATCH, .seed = 3, .step = 9};
}

/* Steps of two inputs; `varies`: one row has all, the next fewer. */
static void set_up_sequences(struct check *check, int64_t steps, bool varies, const char *spec)
{
    fixture_set_up_sequences(&check->fixture, TASK_CLASSIFICATION, BATCH,
                             (struct shape){.steps = steps, .width = 2}, 3);
    check->fixture.input.varies = varies;
    fixture_parse(&check->fixture, spec);
    check->model = fixture_build(&check->fixture);
    check->step = (struct model_step){
        .set = &check->fixture.set, .row = check->fixture.row, .n = BATCH, .seed = 3, .step = 9};
}

static void tear_down(struct check *check)
{
    model_free(&check->model);
    fixture_tear_down(&check->fixture);
}

static double mean_loss(struct check *check)
{
    struct loss_sum sum = {0};

    network_trip((struct network *)check->model, &check->step, false, &sum);
    return sum.loss / sum.weight;
}

static double numeric(struct check *check, real *value)
{
    real here = *value;
    double above, below;

    *value = here + STEP;
    above = mean_loss(check);
    *value = here - STEP;
    below = mean_loss(check);
    *value = here;
    return (above - below) / (2 * STEP);
}

static void check_gradients(struct check *check, const char *spec)
{
    struct network *network = (struct network *)check->model;
    struct loss_sum sum = {0};
    double most = 0;

    /* biases off 0, so that no sum stands at a kink */
    for (int64_t i = 0; i < network->n_elements; i++)
        network->value[i] += 0.05 * random_normal(8, (uint64_t)i, 0, 1);
    network_trip(network, &check->step, true, &sum);
    for (int64_t i = 0; i < network->n_elements; i++)
        most = fmax(most, fabs(network->gradient[i]));
    assert_true(most > 1e-4);
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++) {
            struct parameter *parameter = &network->layer[i].parameter[k];

            for (int64_t e = 0; parameter->gradient && e < parameter->rows * parameter->columns;
                 e++) {
                double expected = numeric(check, &parameter->value[e]);
                double off = fabs(expected - parameter->gradient[e]);

                if (!(off <= 1e-7 * most + 1e-10))
                    fail_msg("%s: %s[%d]: %.12g, but %.12g by differences", spec, parameter->name,
                             (int)e, parameter->gradient[e], expected);
            }
        }
}

static void check_spec(enum task task, const char *layer, const char *loss)
{
    struct check check;
    char spec[1024];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'dense', 'units': 5, 'activation': 'tanh'}, %s,"
                   " {'type': 'dense', 'units': 'outputs'}], 'train': {'batch': %d, 'loss': %s}}",
                   layer, BATCH, loss);
    set_up(&check, task, spec);
    check_gradients(&check, spec);
    tear_down(&check);
}

/* ---- over the registries ---- */

/* What a layer needs besides its type. */
static const char *needs(const char *kind)
{
    static const char *const needed[][2] = {
        {"average_pool1d", ", 'size': 1"}, {"conv1d", ", 'filters': 7, 'size': 1"},
        {"dense", ", 'units': 7"},         {"embedding", ", 'units': 3, 'tokens': 2"},
        {"gru", ", 'units': 7"},           {"lstm", ", 'units': 7"},
        {"max_pool1d", ", 'size': 1"},     {"reshape", ", 'shape': [5]"},
        {"simple_rnn", ", 'units': 7"},
    };

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (strcmp(kind, needed[i][0]) == 0)
            return needed[i][1];
    return "";
}

/* The layer as a spec has it, behind two branches where it joins some. */
static void spell_layer(const struct layer_kind *kind, char *spec, size_t size)
{
    static const char branches[] =
        "{'type': 'branch', 'name': 'a'}, {'type': 'dense', 'units': 5, 'activation': 'tanh'},"
        " {'type': 'branch', 'name': 'b'}, {'type': 'dense', 'units': 5}, ";

    (void)snprintf(spec, size, "%s{'type': '%s'%s}", kind->role == LAYER_JOINS ? branches : "",
                   kind->kind.name, needs(kind->kind.name));
}

static const char *const losses[][2] = {
    {"'cross_entropy'", "'mse'"},
    {"{'type': 'cross_entropy', 'class_weights': [0.5, 2, 0.7]}", "'mse'"},
};

static void every_layer_has_the_gradients_of_its_values(void **state)
{
    char layer[512];

    (void)state;
    for (size_t i = 0; layer_registry.kind[i]; i++)
        for (size_t k = 0; k < sizeof(losses) / sizeof(losses[0]); k++) {
            const struct layer_kind *kind = (const struct layer_kind *)layer_registry.kind[i];

            if (kind->role == LAYER_BRANCHES || kind->role == LAYER_REPEATS)
                continue;
            spell_layer(kind, layer, sizeof(layer));
            check_spec(TASK_CLASSIFICATION, layer, losses[k][0]);
            check_spec(TASK_REGRESSION, layer, losses[k][1]);
        }
}

static void every_activation_of_dense_has_its_gradients(void **state)
{
    char layer[128];

    (void)state;
    for (int i = 0; i < ACTIVATION_COUNT; i++)
        for (int bias = 0; bias < 2; bias++) {
            (void)snprintf(layer, sizeof(layer),
                           "{'type': 'dense', 'units': 6, 'activation': '%s', 'bias': %s}",
                           activation_name[i], bias ? "true" : "false");
            check_spec(TASK_CLASSIFICATION, layer, "'cross_entropy'");
        }
}

static void every_loss_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; loss_registry.kind[i]; i++) {
        const struct loss_kind *kind = (const struct loss_kind *)loss_registry.kind[i];
        char loss[64];

        (void)snprintf(loss, sizeof(loss), "'%s'", kind->kind.name);
        assert_true(kind->classification || kind->regression);
        if (kind->classification)
            check_spec(TASK_CLASSIFICATION, "{'type': 'sigmoid'}", loss);
        if (kind->regression)
            check_spec(TASK_REGRESSION, "{'type': 'sigmoid'}", loss);
    }
}

/* ---- sequences ---- */

static void check_steps(int64_t steps, const char *layers)
{
    char spec[1024];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'dense', 'units': 3, 'activation': 'tanh'}, %s,"
                   " {'type': 'dense', 'units': 3}], 'train': {'batch': %d}}",
                   layers, BATCH);
    for (int varies = 0; varies < 2; varies++) {
        struct check check;

        set_up_sequences(&check, steps, varies, spec);
        check_gradients(&check, spec);
        tear_down(&check);
    }
}

static void check_sequences(const char *layers)
{
    check_steps(4, layers);
}

/* So many steps that not every cell is kept: ends at one that is, behind one, and before one. */
static void long_sequences_have_their_gradients(void **state)
{
    static const int64_t steps[] = {16, 17, 23, 31};
    static const char *const modes[] = {
        "",
        ", 'bidirectional': true, 'merge': 'mul'",
        ", 'recurrent_dropout': 0.4, 'mask': 'per_gate'",
    };
    char layers[512];

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
            (void)snprintf(layers, sizeof(layers),
                           "{'type': 'lstm', 'units': 3, 'sequences': true%s},"
                           " {'type': 'dropout', 'rate': 0.3}, {'type': 'lstm', 'units': 2%s}",
                           modes[k], modes[k]);
            check_steps(steps[i], layers);
        }
}

static void recurrent_layers_have_their_gradients_in_every_mode(void **state)
{
    static const char *const kinds[] = {"gru", "lstm", "simple_rnn"};
    static const char *const modes[] = {
        "",
        ", 'bidirectional': true",
        ", 'bidirectional': true, 'merge': 'sum'",
        ", 'bidirectional': true, 'merge': 'mul', 'dropout': 0.3",
        ", 'bidirectional': true, 'merge': 'ave'",
        ", 'bias': false",
        ", 'convention': 'pytorch', 'bidirectional': true",
        ", 'dropout': 0.3, 'recurrent_dropout': 0.4",
        ", 'dropout': 0.3, 'bidirectional': true",
        ", 'recurrent_dropout': 0.4, 'mask': 'per_gate'",
        ", 'dropout': 0.3, 'mask': 'per_gate', 'recurrent_dropout': 0.4, 'bidirectional': true",
        ", 'recurrent_activation': 'hard_sigmoid'",
        ", 'reset_after': false",
        ", 'reset_after': false, 'recurrent_dropout': 0.4, 'bidirectional': true",
        ", 'reset_after': false, 'recurrent_dropout': 0.4, 'mask': 'per_gate'",
        ", 'reset_after': false, 'dropout': 0.3, 'mask': 'per_gate', 'convention': 'pytorch'",
        ", 'reset_after': false, 'bias': false, 'recurrent_activation': 'hard_sigmoid'",
        ", 'activation': 'sigmoid'",
    };
    char layers[512];

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
            bool simple = strcmp(kinds[i], "simple_rnn") == 0;
            bool gru = strcmp(kinds[i], "gru") == 0;

            if (strstr(modes[k], simple ? "gate" : "'activation'") ||
                (simple && strstr(modes[k], "recurrent_activation")) ||
                (!gru && strstr(modes[k], "reset_after")))
                continue;
            (void)snprintf(layers, sizeof(layers),
                           "{'type': '%s', 'units': 3, 'sequences': true%s},"
                           " {'type': '%s', 'units': 2%s}",
                           kinds[i], modes[k], kinds[i], modes[k]);
            check_sequences(layers);
        }
}

static void layers_along_the_steps_have_their_gradients(void **state)
{
    static const char *const layers[] = {
        "{'type': 'conv1d', 'filters': 2, 'size': 2}, 'flatten'",
        "{'type': 'conv1d', 'filters': 2, 'padding': 'same', 'activation': 'tanh'}, 'flatten'",
        "{'type': 'conv1d', 'filters': 2, 'padding': 'causal', 'dilation': 2}, 'flatten'",
        "{'type': 'conv1d', 'filters': 2, 'size': 2, 'stride': 2, 'activation': 'gelu'}, 'flatten'",
        "{'type': 'conv1d', 'filters': 2, 'size': 4, 'stride': 3, 'padding': 'same',"
        " 'bias': false, 'activation': 'softmax'}, 'flatten'",
        "{'type': 'conv1d', 'filters': 2, 'size': 2}, {'type': 'lstm', 'units': 2}",
        "{'type': 'max_pool1d', 'size': 2}, 'flatten'",
        "{'type': 'max_pool1d', 'size': 3, 'stride': 1}, 'global_max_pool'",
        "{'type': 'average_pool1d', 'size': 2}, 'flatten'",
        "{'type': 'average_pool1d', 'size': 2, 'stride': 1}, 'global_average_pool'",
        "{'type': 'max_pool1d', 'size': 4}, 'flatten'",
        "{'type': 'average_pool1d', 'size': 3, 'stride': 1}, {'type': 'gru', 'units': 2}",
        "'global_average_pool'",
        "'global_max_pool'",
        "{'type': 'reshape', 'shape': [6, -1]}, {'type': 'gru', 'units': 2}",
        "{'type': 'slice', 'axis': 'steps', 'first': 1, 'end': -1}, 'flatten'",
        "{'type': 'slice', 'axis': 'steps', 'first': -2}, 'flatten'",
        "{'type': 'slice', 'axis': 'steps', 'first': -3, 'end': -1}, {'type': 'gru', 'units': 2}",
        "{'type': 'slice', 'axis': 'steps', 'first': 1}, {'type': 'lstm', 'units': 2}",
        "{'type': 'slice', 'axis': 'steps', 'end': -2}, 'global_max_pool'",
        "{'type': 'slice', 'axis': 'steps', 'first': -1}",
        "{'type': 'slice', 'first': -2}, 'flatten'",
        "'batch_norm', {'type': 'lstm', 'units': 2}",
        "'layer_norm', {'type': 'lstm', 'units': 2}",
        "{'type': 'random_crop', 'size': [2, 2]}, 'flatten'",
        "{'type': 'random_crop', 'size': [2, 3]}, {'type': 'lstm', 'units': 2}",
        "{'type': 'random_flip', 'vertical': 0.5}, {'type': 'lstm', 'units': 2}",
        "{'type': 'random_flip', 'vertical': 0.5, 'channels': 3}, 'flatten'",
        "{'type': 'random_resized_crop', 'size': [6, 2]}, 'flatten'",
        "{'type': 'random_resized_crop', 'size': [3, 2], 'channels': 3}, {'type': 'gru', 'units': "
        "2}",
        "{'type': 'random_resized_crop'}, {'type': 'lstm', 'units': 2}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        check_sequences(layers[i]);
}

static void branches_share_what_they_begin_with(void **state)
{
    static const char *const layers[] = {
        /* a residual: one branch is empty */
        "{'type': 'branch', 'name': 'past'}, {'type': 'branch', 'name': 'work'},"
        " {'type': 'dense', 'units': 3, 'activation': 'tanh'}, 'add', {'type': 'lstm', 'units': 2}",
        /* convolution and recurrence, as two readings of one series */
        "{'type': 'branch', 'name': 'local'}, {'type': 'conv1d', 'filters': 2, 'size': 2},"
        " 'global_max_pool', {'type': 'branch', 'name': 'whole'}, {'type': 'gru', 'units': 2},"
        " {'type': 'branch', 'name': 'mean'}, 'global_average_pool', 'concat'",
        /* a branch from a branch, joined by name, one of them twice */
        "{'type': 'branch', 'name': 'a'}, {'type': 'lstm', 'units': 3},"
        " {'type': 'branch', 'name': 'b', 'from': 'a'}, {'type': 'dense', 'units': 3},"
        " {'type': 'multiply', 'of': ['a', 'b']}, {'type': 'branch', 'name': 'c'}, 'tanh',"
        " {'type': 'mean', 'of': ['a', 'c', 'b']}",
        "{'type': 'lstm', 'units': 3, 'sequences': true}, {'type': 'dense', 'units': 3,"
        " 'activation': 'tanh'}, {'type': 'repeat', 'layers': 2, 'times': 2}, 'flatten'",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        check_sequences(layers[i]);
}

/* Of unequal lengths, where rows vary: a step that one branch has not is made of the others. */
static void branches_of_other_lengths_have_their_gradients(void **state)
{
    static const char *const kinds[] = {"add", "concat", "mean", "multiply"};
    char layers[512];

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (int swapped = 0; swapped < 2; swapped++) {
            (void)snprintf(layers, sizeof(layers),
                           "{'type': 'branch', 'name': 'a'}, {'type': 'slice', 'axis': 'steps',"
                           " 'end': 3}, {'type': 'branch', 'name': 'b'}, {'type': 'slice', 'axis':"
                           " 'steps', 'first': 1}, {'type': 'dense', 'units': 3},"
                           " {'type': 'branch', 'name': 'c'}, {'type': 'conv1d', 'filters': 3,"
                           " 'size': 2}, {'type': '%s', 'of': %s}, {'type': 'lstm', 'units': 2}",
                           kinds[i], swapped ? "['c', 'b', 'a']" : "['a', 'b', 'c']");
            check_sequences(layers);
        }
}

static void every_form_of_a_loss_is_checked(void **state)
{
    static const char *const of_classes[] = {
        "{'type': 'cross_entropy', 'smoothing': 0.2}",
        "{'type': 'cross_entropy', 'smoothing': 0.1, 'class_weights': [0.5, 2, 0.7]}",
        "{'type': 'cross_entropy', 'reduction': 'nonzero', 'class_weights': [0, 2, 0.7]}",
        "{'type': 'cross_entropy', 'reweight': true}",
        "{'type': 'binary', 'positive_weight': 3, 'smoothing': 0.1}",
    };
    static const char *const of_numbers[] = {
        "{'type': 'huber', 'delta': 0.3}",
        "{'type': 'quantile', 'levels': [0.05, 0.3, 0.5, 0.9]}",
        "{'type': 'exoplanet', 'weights': [1, 0, 3]}",
        "{'type': 'binary', 'positive_weight': 3}",
        "{'type': 'normal', 'sigma': 'exp', 'score': 'crps'}",
        "{'type': 'normal', 'components': 3}",
        "{'type': 'normal', 'components': 3, 'score': 'crps', 'floor': 0.1}",
        "{'type': 'log_normal', 'sigma': 'exp'}",
        "{'type': 'log_normal', 'score': 'crps'}",
        "{'type': 'log_normal', 'components': 4, 'floor': 0}",
        "{'type': 'log_normal', 'components': 3, 'score': 'crps', 'sigma': 'exp'}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(of_classes) / sizeof(of_classes[0]); i++)
        check_spec(TASK_CLASSIFICATION, "{'type': 'sigmoid'}", of_classes[i]);
    for (size_t i = 0; i < sizeof(of_numbers) / sizeof(of_numbers[0]); i++)
        check_spec(TASK_REGRESSION, "{'type': 'sigmoid'}", of_numbers[i]);
}

static void check_each_step(enum task task, bool varies, const char *layers, const char *loss)
{
    struct check check;
    char spec[1024];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, {'type': 'dense', 'units': 'outputs'}],"
                   " 'train': {'batch': %d, 'loss': %s}}",
                   layers, BATCH, loss);
    fixture_set_up_sequences(&check.fixture, task, BATCH, (struct shape){.steps = 4, .width = 2},
                             3);
    check.fixture.input.varies = varies;
    fixture_parse(&check.fixture, spec);
    fixture_suit_loss(&check.fixture);
    fixture_tell_each_step(&check.fixture);
    check.model = fixture_build(&check.fixture);
    check.step = (struct model_step){
        .set = &check.fixture.set, .row = check.fixture.row, .n = BATCH, .seed = 3, .step = 9};
    check_gradients(&check, spec);
    tear_down(&check);
}

/* With steps that have no truth: padded ones, and those before the first row. */
static void every_loss_of_each_step_is_checked(void **state)
{
    static const char lstm[] = "{'type': 'lstm', 'units': 3, 'sequences': true}";

    (void)state;
    for (size_t i = 0; loss_registry.kind[i]; i++)
        for (int varies = 0; varies < 2; varies++) {
            const struct loss_kind *kind = (const struct loss_kind *)loss_registry.kind[i];
            char loss[64];

            (void)snprintf(loss, sizeof(loss), "'%s'", kind->kind.name);
            if (kind->classification)
                check_each_step(TASK_CLASSIFICATION, varies, lstm, loss);
            if (kind->regression)
                check_each_step(TASK_REGRESSION, varies, lstm, loss);
        }
}

static void layers_that_keep_steps_have_the_gradients_of_each(void **state)
{
    static const char *const layers[] = {
        "{'type': 'gru', 'units': 3, 'sequences': true, 'bidirectional': true, 'dropout': 0.3}",
        "{'type': 'simple_rnn', 'units': 3, 'sequences': true, 'recurrent_dropout': 0.4}, "
        "'layer_norm'",
        "{'type': 'conv1d', 'filters': 3, 'size': 3, 'padding': 'causal', 'activation': 'tanh'}",
        "{'type': 'dense', 'units': 3, 'activation': 'tanh'}",
    };
    static const char smooth[] =
        "{'type': 'cross_entropy', 'smoothing': 0.1, 'class_weights': [0.5, 0, 2]}";

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        for (int varies = 0; varies < 2; varies++)
            check_each_step(TASK_CLASSIFICATION, varies, layers[i], smooth);
}

/* States of the samples before are taken as given: they are no functions of the weights. */
static void check_stateful(int64_t steps, const char *layers)
{
    struct check check;
    struct network *network;
    struct loss_sum sum = {0};
    double fresh;
    char spec[1024];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, {'type': 'dense', 'units': 3}], 'train': {'batch': %d}}", layers,
                   FIXTURE_CHAINS);
    fixture_set_up_sequences(&check.fixture, TASK_CLASSIFICATION, 2 * FIXTURE_CHAINS,
                             (struct shape){.steps = steps, .width = 2}, 3);
    check.fixture.set.before = fixture_before;
    fixture_parse(&check.fixture, spec);
    check.model = fixture_build(&check.fixture);
    network = (struct network *)check.model;
    check.step = (struct model_step){.set = &check.fixture.set,
                                     .row = check.fixture.row + FIXTURE_CHAINS,
                                     .n = FIXTURE_CHAINS,
                                     .seed = 3,
                                     .step = 9};
    fresh = mean_loss(&check);
    check.step.row = check.fixture.row;
    network_trip(network, &check.step, false, &sum);
    pass_carry(&network->training, network, check.fixture.row, FIXTURE_CHAINS);
    check.step.row = check.fixture.row + FIXTURE_CHAINS;
    assert_true(fabs(mean_loss(&check) - fresh) > 1e-6);
    check_gradients(&check, spec);
    tear_down(&check);
}

static void stateful_layers_have_their_gradients(void **state)
{
    static const char *const layers[] = {
        "{'type': 'lstm', 'units': 3, 'stateful': true}",
        "{'type': 'lstm', 'units': 3, 'stateful': true, 'sequences': true, 'recurrent_dropout': "
        "0.4, 'mask': 'per_gate'}, {'type': 'gru', 'units': 2, 'stateful': true}",
        "{'type': 'gru', 'units': 3, 'stateful': true, 'reset_after': false, "
        "'recurrent_dropout': 0.4}",
        "{'type': 'simple_rnn', 'units': 3, 'stateful': true, 'recurrent_dropout': 0.4}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        check_stateful(4, layers[i]);
    check_stateful(19, layers[0]); /* not every cell is kept */
}

static void gradients_accumulate_until_the_optimizer_clears_them(void **state)
{
    struct check check;
    struct network *network;
    struct loss_sum sum = {0};
    double once;

    (void)state;
    set_up(&check, TASK_CLASSIFICATION,
           "{'model': [{'type': 'dense', 'units': 3}], 'train': {'batch': 6}}");
    network = (struct network *)check.model;
    network_trip(network, &check.step, true, &sum);
    once = network->gradient[0];
    network_trip(network, &check.step, true, &sum);
    assert_true(once != 0);
    assert_true(fabs(network->gradient[0] - 2 * once) < 1e-15);
    tear_down(&check);
}

static void dropout_follows_the_row_not_its_place(void **state)
{
    struct check check;
    struct network *network;
    struct loss_sum sum = {0};
    int64_t swapped[BATCH];
    real mask[BATCH][16];
    int64_t dropped = 0;

    (void)state;
    set_up(&check, TASK_CLASSIFICATION,
           "{'model': [{'type': 'dense', 'units': 16}, {'type': 'dropout', 'rate': 0.25},"
           " {'type': 'dense', 'units': 3}], 'train': {'batch': 6}}");
    network = (struct network *)check.model;
    network_trip(network, &check.step, false, &sum);
    memcpy(mask, network->training.buffer[1 * LAYER_BUFFERS_MAX], sizeof(mask));
    for (int i = 0; i < BATCH; i++)
        swapped[i] = check.fixture.row[BATCH - 1 - i];
    check.step.row = swapped;
    network_trip(network, &check.step, false, &sum);
    for (int i = 0; i < BATCH; i++)
        assert_memory_equal(network->training.buffer[1 * LAYER_BUFFERS_MAX] + i * 16,
                            mask[BATCH - 1 - i], sizeof(mask[0]));
    for (int i = 0; i < BATCH * 16; i++)
        dropped += mask[i / 16][i % 16] == 0;
    assert_in_range(dropped, 12, 36); /* 24 of 96 expected */
    check.step.step++;
    network_trip(network, &check.step, false, &sum);
    assert_memory_not_equal(network->training.buffer[1 * LAYER_BUFFERS_MAX], mask[BATCH - 1],
                            sizeof(mask[0]));
    tear_down(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_the_gradients_of_its_values),
        cmocka_unit_test(every_activation_of_dense_has_its_gradients),
        cmocka_unit_test(every_loss_is_checked),
        cmocka_unit_test(recurrent_layers_have_their_gradients_in_every_mode),
        cmocka_unit_test(long_sequences_have_their_gradients),
        cmocka_unit_test(layers_along_the_steps_have_their_gradients),
        cmocka_unit_test(branches_share_what_they_begin_with),
        cmocka_unit_test(branches_of_other_lengths_have_their_gradients),
        cmocka_unit_test(every_form_of_a_loss_is_checked),
        cmocka_unit_test(every_loss_of_each_step_is_checked),
        cmocka_unit_test(layers_that_keep_steps_have_the_gradients_of_each),
        cmocka_unit_test(stateful_layers_have_their_gradients),
        cmocka_unit_test(gradients_accumulate_until_the_optimizer_clears_them),
        cmocka_unit_test(dropout_follows_the_row_not_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
