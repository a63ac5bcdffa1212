/* What training sees about itself: each trouble is provoked, and healthy training is left alone. */
#include "tests/unit/engine/training.h"

#include "worker/engine/guard.h"
#include "worker/engine/model/inspect.h"

/* ---- curves ---- */

/* How many of these epochs were serious; what was told is in the training's events. */
static int watch_curve(struct training *training, const double *loss, const double *valid, int n)
{
    struct guard_memory memory = {0};
    int found = 0;

    begin(training, TASK_CLASSIFICATION, "{'model': [{'type': 'dense', 'units': 'classes'}]}");
    for (int i = 0; i < n; i++) {
        bool serious;

        assert_true(
            guard_epoch(&memory, loss[i], valid ? valid[i] : NAN, 30, &serious, &training->error));
        found += serious;
    }
    assert_true(guard_end(&memory, &training->error));
    return found;
}

static void curves_tell_their_troubles(void **state)
{
    static const struct {
        const char *text;
        double loss[8], valid[8];
        int n, serious;
    } curves[] = {
        {"goes up and down", {1, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9, 0.5}, {0}, 8, 0},
        {"training diverges", {1, 0.5, 0.4, 1.5}, {0}, 4, 1},
        {"has not changed for 5 epochs", {0.7, 0.7, 0.7, 0.7, 0.7}, {0}, 5, 1},
        {"too good to be true", {1, 0.9, 0.8}, {0.5, 0.01, 0.01}, 3, 0},
        {"training diverges", {1, -2, -2.07, 44, 44}, {0}, 5, 1},
        {"learns by heart", {1, 0.5, 0.3, 0.2}, {1, 0.8, 0.9, 1.3}, 4, 0},
        {"still falling, by", {1, 0.8, 0.6, 0.4}, {0}, 4, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        struct training training;
        const double *valid = curves[i].valid[0] > 0 ? curves[i].valid : NULL;

        assert_int_equal(watch_curve(&training, curves[i].loss, valid, curves[i].n),
                         curves[i].serious);
        assert_reported(&training, curves[i].text, "", "");
        end(&training);
    }
}

/* Past 0, where no loss is so many times another. */
static void healthy_likelihoods_tell_nothing(void **state)
{
    const double loss[] = {1.4, 0.6, -0.001, 0.02, -0.4, -0.45, -0.3, -0.5};
    struct training training;

    (void)state;
    assert_int_equal(watch_curve(&training, loss, NULL, 8), 0);
    assert_not_reported(&training, "\"warning\"", "");
    end(&training);
}

/* The mean of an epoch in which it learnt nearly all there is. */
static void quick_learners_are_not_too_good(void **state)
{
    const double loss[] = {1137, 1.1, 1.05, 90, 88}, valid[] = {1.2, 1.1, 1.1, 1.2, 1.3};
    struct training training;

    (void)state;
    assert_int_equal(watch_curve(&training, loss, valid, 5), 0);
    assert_not_reported(&training, "\"warning\"", "");
    end(&training);
}

/* Nor where so few rows validate that chance can do it. */
static void few_rows_may_be_good_by_chance(void **state)
{
    struct guard_memory memory = {0};
    struct training training;
    bool serious;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, "{'model': [{'type': 'dense', 'units': 'classes'}]}");
    for (int i = 0; i < 3; i++)
        assert_true(guard_epoch(&memory, 1, 0.01, 7, &serious, &training.error));
    assert_not_reported(&training, "too good", "");
    end(&training);
}

static void healthy_curve_tells_nothing(void **state)
{
    const double loss[] = {1, 0.7, 0.55, 0.5, 0.48, 0.476, 0.4755, 0.4754};
    const double valid[] = {1.1, 0.8, 0.7, 0.68, 0.66, 0.67, 0.66, 0.665};
    struct training training;

    (void)state;
    assert_int_equal(watch_curve(&training, loss, valid, 8), 0);
    assert_not_reported(&training, "\"warning\"", "");
    assert_not_reported(&training, "still falling", "");
    end(&training);
}

/* ---- networks ---- */

/* Inputs above 0 and weights below: no unit is ever above 0. */
static void begin_dead(struct training *training, const char *train)
{
    char spec[512];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'dense', 'units': 6, 'activation': 'relu', 'initializer':"
                   " {'type': 'constant', 'value': -1}}, {'type': 'dense', 'units': 'classes'}],"
                   " 'train': {'batch': 15, 'epochs': 6%s}}",
                   train);
    begin(training, TASK_CLASSIFICATION, spec);
    for (int i = 0; i < TRAINING_ROWS * TRAINING_WIDTH; i++)
        training->fixture.x[i] = fabs(training->fixture.x[i]) + 0.1;
}

/* failure mode 17 */
static void dead_units_are_counted(void **state)
{
    struct training training;

    (void)state;
    begin_dead(&training, "");
    must_run(&training);
    assert_reported(&training, "6 of 6 units of dense1 are 0", "\"where\":\"model[0]\"",
                    "\"figure\":6");
    assert_reported(&training, "the gradient of dense1.weight is zero", "", "");
    end(&training);
}

/* What one part of a batch does not wake, another may. */
static void units_of_a_batch_in_parts_are_dead_in_all_of_them(void **state)
{
    struct training training;
    struct loss_sum sum = {0};
    struct model_step step = {.n = 20, .step = 9, .rate_scale = 1, .inspect = true};

    (void)state;
    begin(
        &training, TASK_CLASSIFICATION,
        "{'model': [{'type': 'dense', 'units': 6, 'activation': 'relu',"
        " 'initializer': {'type': 'constant', 'value': 1}}, {'type': 'dense', 'units': 'classes'}],"
        " 'train': {'batch': 20, 'parts': 2}}");
    for (int i = 0; i < TRAINING_ROWS * TRAINING_WIDTH; i++)
        training.fixture.x[i] = i < 10 * TRAINING_WIDTH ? 1 : -1;
    step.set = &training.fixture.set;
    step.row = training.fixture.row;
    assert_true(training.model->kind->advance(training.model, &step, &sum, &training.error));
    assert_not_reported(&training, "units of dense1 are 0", "");
    step.row = training.fixture.row + 20;
    assert_true(training.model->kind->advance(training.model, &step, &sum, &training.error));
    assert_reported(&training, "6 of 6 units of dense1 are 0", "", "");
    end(&training);
}

static void inputs_that_nobody_scaled_are_told(void **state)
{
    static const double scale[] = {1, 1e4};

    (void)state;
    for (int large = 0; large < 2; large++) {
        struct training training;

        begin(&training, TASK_CLASSIFICATION,
              "{'model': [{'type': 'dense', 'units': 'classes'}], 'train': {'epochs': 1}}");
        for (int i = 0; i < TRAINING_ROWS * TRAINING_WIDTH; i++)
            training.fixture.x[i] *= scale[large];
        must_run(&training);
        if (large)
            assert_reported(&training, "in the first batch: networks learn slowly",
                            "\"where\":\"prepare\"", "");
        else
            assert_not_reported(&training, "in the first batch", "");
        end(&training);
    }
}

static void policy_may_stop(void **state)
{
    struct training training;

    (void)state;
    begin_dead(&training, ", 'guard': 'stop'");
    assert_false(run(&training));
    assert_string_equal(training.error.path, "train.guard");
    end(&training);
}

static void policy_may_begin_again_once(void **state)
{
    struct training training;

    (void)state;
    begin_dead(&training, ", 'guard': 'reseed'");
    assert_false(run(&training)); /* constant weights are dead under any seed */
    assert_reported(&training, "training begins again with another seed", "", "");
    assert_string_equal(training.error.path, "train.guard");
    end(&training);
}

/* Within its first epoch, of which the guard looks at the first step and at the end. */
static void begin_diverging(struct training *training, const char *train)
{
    char spec[512];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'dense', 'units': 'targets'}], 'train': {'batch': 1,"
                   " 'epochs': 3, 'optimizer': {'type': 'sgd', 'rate': 10}%s}}",
                   train);
    begin(training, TASK_REGRESSION, spec);
}

/* Any seed diverges at this rate: so that it is seen that there is but one more. */
static void training_that_diverges_begins_again_once(void **state)
{
    struct training training;

    (void)state;
    begin_diverging(&training, ", 'guard': 'reseed'");
    assert_false(run(&training));
    assert_reported(&training, "the loss is not finite at step", "\"warning\"", "");
    assert_reported(&training, "training begins again with another seed", "\"figure\":1", "");
    assert_string_equal(training.error.path, "train");
    assert_non_null(strstr(training.error.message, "the loss is not finite at step"));
    end(&training);
}

static void roll_backs_come_before_another_seed(void **state)
{
    struct training training;

    (void)state;
    begin_diverging(&training, ", 'guard': 'reseed', 'rollback': {'times': 2, 'factor': 0.9}");
    assert_false(run(&training));
    assert_reported(&training, "back to the best weights", "train.rollback", "");
    assert_reported(&training, "training begins again with another seed", "\"figure\":1", "");
    end(&training);
}

static void other_policies_fail_where_training_diverges(void **state)
{
    static const char *const policies[] = {", 'guard': 'stop'", ", 'guard': 'warn'"};

    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct training training;

        begin_diverging(&training, policies[i]);
        assert_false(run(&training));
        assert_not_reported(&training, "training begins again", "");
        assert_non_null(strstr(training.error.message, "the loss is not finite at step"));
        end(&training);
    }
}

/* So that the first step alone sees what is no number. */
static void spoil_the_first(struct fixture *fixture)
{
    for (int i = 0; i < TRAINING_ROWS * TRAINING_WIDTH; i++)
        fixture->x[i] = fixture->gathers == 1 ? NAN : random_normal(1, (uint64_t)i, 0, 1);
}

static void training_that_began_again_may_end_well(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_REGRESSION,
          "{'model': [{'type': 'dense', 'units': 'targets'}], 'train': {'batch': 9, 'epochs': 3,"
          " 'guard': 'reseed'}}");
    training.fixture.on_gather = spoil_the_first;
    must_run(&training);
    assert_reported(&training, "training begins again with another seed", "\"figure\":1", "");
    assert_int_equal(training.result.epochs, 3);
    assert_true(isfinite(training.result.train_loss));
    end(&training);
}

static void beginning_again_is_as_if_built_with_that_seed(void **state)
{
    struct training training;
    struct model_plan plan;
    struct model *other;
    struct network *one, *two;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 6}, {'type': 'dense', 'units': 'classes'}]}");
    plan = fixture_plan(&training.fixture);
    plan.seed = 99;
    assert_true(model_build(&plan, &other, &training.error));
    one = (struct network *)training.model;
    two = (struct network *)other;
    must_run(&training);
    assert_true(training.model->kind->reseed(training.model, 99, &training.error));
    assert_memory_equal(one->value, two->value, (size_t)one->n_elements * sizeof(real));
    assert_int_equal(one->update.at.updates, 0);
    model_free(&other);
    end(&training);
}

/* Most categories of a sparse column are absent from a batch, and some from all of it. */
static void zeros_of_the_data_are_no_trouble(void **state)
{
    static const char *const layers[] = {
        "{'type': 'reshape', 'shape': [-1]}, {'type': 'dense', 'units': 3}",
        "{'type': 'branch', 'name': 'rare'}, {'type': 'slice', 'first': 1, 'end': 3},"
        " {'type': 'dense', 'units': 3, 'bias': false}, {'type': 'branch', 'name': 'all'},"
        " {'type': 'dense', 'units': 3}, {'type': 'concat'}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        struct training training;
        char spec[512];

        (void)snprintf(spec, sizeof(spec),
                       "{'model': [%s, {'type': 'dense', 'units': 'classes'}],"
                       " 'train': {'epochs': 3, 'guard': 'stop'}}",
                       layers[i]);
        begin(&training, TASK_CLASSIFICATION, spec);
        for (int k = 0; k < TRAINING_ROWS * TRAINING_WIDTH; k++)
            training.fixture.x[k] *= k % TRAINING_WIDTH == 0 || k % TRAINING_WIDTH == 4;
        must_run(&training);
        assert_not_reported(&training, "\"warning\"", "");
        end(&training);
    }
}

/* A gain of 1 cannot move by so little, however well all is. */
static void step_that_rounding_swallows_stops_nothing(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 6}, 'batch_norm', 'relu',"
          " {'type': 'dense', 'units': 'classes'}], 'train': {'batch': 15, 'epochs': 2, 'guard':"
          " 'stop', 'optimizer': {'type': 'sgd', 'rate': 1e-5}, 'schedule': {'type': 'warm_up',"
          " 'start': 1e-3}}}");
    must_run(&training);
    assert_reported(&training, "batch_norm1.gain did not move in the first step: rounding",
                    "\"warning\"", "");
    end(&training);
}

/* failure mode 8, the first half */
static void parameter_that_does_not_move_is_named(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 6}, {'type': 'dense', 'units': 'classes'}],"
          " 'train': {'batch': 15, 'epochs': 1, 'parameters': {'type': 'rate', 'match':"
          " 'dense1.weight', 'factor': 1e-300}}}");
    must_run(&training);
    assert_reported(&training, "dense1.weight did not move in the first step",
                    "\"where\":\"model[0]\"", "");
    assert_not_reported(&training, "dense2.weight did not move", "");
    end(&training);
}

static void frozen_parameter_that_moves_is_named(void **state)
{
    const struct update_moment moment = {.rate_scale = 1};
    struct inspect_moves moves = {0};
    struct training training;
    struct network *network;
    bool serious = false;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 6}, {'type': 'dense', 'units': 'classes'}],"
          " 'train': {'parameters': {'type': 'freeze', 'match': 'dense1.weight'}}}");
    network = (struct network *)training.model;
    assert_true(inspect_before(&moves, network, &moment, &training.error));
    network->update.at.updates = 1; /* an optimizer that steps everything */
    for (int64_t i = 0; i < network->n_elements; i++)
        network->value[i] += 1;
    assert_true(inspect_after(&moves, network, &moment, &serious, &training.error));
    assert_true(serious);
    assert_reported(&training, "dense1.weight is frozen, but moved", "", "");
    assert_not_reported(&training, "did not move", "");
    inspect_moves_release(&moves);
    end(&training);
}

static void vanishing_gradient_names_its_layer(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 6, 'activation': 'tanh'},"
          " {'type': 'dense', 'units': 6, 'initializer': {'type': 'constant', 'value': 1e-11}},"
          " {'type': 'dense', 'units': 6, 'initializer': {'type': 'constant', 'value': 1e-11}},"
          " {'type': 'dense', 'units': 'classes'}],"
          " 'train': {'batch': 15, 'epochs': 1, 'optimizer': {'type': 'sgd', 'rate': 1e-3}}}");
    must_run(&training);
    assert_reported(&training, "the gradient vanishes on its way to", "\"warning\"", "");
    end(&training);
}

/* Weights of one column are weights. */
static void gradient_vanishes_on_its_way_to_a_single_feature(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'slice', 'end': 1}, {'type': 'dense', 'units': 6},"
          " {'type': 'dense', 'units': 6, 'activation': 'sigmoid',"
          "  'initializer': {'type': 'constant', 'value': 1e-11}},"
          " {'type': 'dense', 'units': 'classes'}],"
          " 'train': {'batch': 15, 'epochs': 1, 'optimizer': {'type': 'sgd', 'rate': 1e-3}}}");
    must_run(&training);
    assert_reported(&training, "the gradient vanishes on its way to dense1", "\"warning\"", "");
    end(&training);
}

static void exploding_gradient_names_its_layer(void **state)
{
    struct training training;
    struct network *network;
    struct loss_sum sum = {0};
    struct model_step step = {.n = 15, .step = 9, .rate_scale = 1, .inspect = true};

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 'classes'}], 'train': {'batch': 15}}");
    network = (struct network *)training.model;
    network->inspection.first = 1e-9; /* where it began */
    step.set = &training.fixture.set;
    step.row = training.fixture.row;
    assert_true(training.model->kind->advance(training.model, &step, &sum, &training.error));
    assert_reported(&training, "the gradient of dense1 explodes", "\"where\":\"model[0]\"", "");
    end(&training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_tell_their_troubles),
        cmocka_unit_test(healthy_curve_tells_nothing),
        cmocka_unit_test(healthy_likelihoods_tell_nothing),
        cmocka_unit_test(quick_learners_are_not_too_good),
        cmocka_unit_test(few_rows_may_be_good_by_chance),
        cmocka_unit_test(dead_units_are_counted),
        cmocka_unit_test(units_of_a_batch_in_parts_are_dead_in_all_of_them),
        cmocka_unit_test(inputs_that_nobody_scaled_are_told),
        cmocka_unit_test(policy_may_stop),
        cmocka_unit_test(policy_may_begin_again_once),
        cmocka_unit_test(training_that_diverges_begins_again_once),
        cmocka_unit_test(roll_backs_come_before_another_seed),
        cmocka_unit_test(other_policies_fail_where_training_diverges),
        cmocka_unit_test(training_that_began_again_may_end_well),
        cmocka_unit_test(beginning_again_is_as_if_built_with_that_seed),
        cmocka_unit_test(zeros_of_the_data_are_no_trouble),
        cmocka_unit_test(step_that_rounding_swallows_stops_nothing),
        cmocka_unit_test(parameter_that_does_not_move_is_named),
        cmocka_unit_test(frozen_parameter_that_moves_is_named),
        cmocka_unit_test(vanishing_gradient_names_its_layer),
        cmocka_unit_test(gradient_vanishes_on_its_way_to_a_single_feature),
        cmocka_unit_test(exploding_gradient_names_its_layer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
