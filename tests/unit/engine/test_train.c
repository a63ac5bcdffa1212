/* Training: what it learns, when it ends, and that stopping and resuming leave no trace. */
#include "tests/unit/engine/training.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "worker/engine/model/network.h"

/* ---- stopping and resuming ---- */

#define CLASSIFIER                                                               \
    "{'model': [{'type': 'dense', 'units': 8, 'activation': 'relu'},"            \
    " {'type': 'dropout', 'rate': 0.3}, {'type': 'dense', 'units': 'classes'}]," \
    " 'metrics': ['accuracy'], 'train': {'batch': 8, 'epochs': 4,"               \
    " 'early_stopping': {'metric': 'valid.accuracy', 'patience': 3},"            \
    " 'optimizer': {'type': 'adam', 'rate': 0.05}}}"
#define REGRESSOR                                                                \
    "{'model': [{'type': 'dense', 'units': 8}, {'type': 'tanh'},"                \
    " {'type': 'dropout', 'rate': 0.1}, {'type': 'dense', 'units': 'targets'}]," \
    " 'metrics': ['rmse'], 'train': {'batch': 7, 'epochs': 3,"                   \
    " 'optimizer': {'type': 'sgd', 'rate': 0.02, 'momentum': 0.9}}}"

/* Stops at every gather in turn (batches and validation alike), resumes, and compares. */
static void check_every_stop(enum task task, const char *spec)
{
    struct training whole;
    int64_t gathers;

    begin(&whole, task, spec);
    must_run(&whole);
    gathers = whole.fixture.gathers;
    assert_true(gathers > 20);
    for (int64_t at = 1; at <= gathers; at++) {
        struct training parts;

        begin(&parts, task, spec);
        stop_at = at;
        must_run(&parts);
        if (parts.result.stopped) {
            int64_t step = parts.result.steps;

            start_again(&parts);
            must_run(&parts);
            assert_int_equal(parts.result.resumed_step, step);
            assert_true(parts.result.same_machine);
        }
        assert_false(parts.result.stopped);
        assert_same_model(&whole, &parts);
        assert_same_events(&whole, &parts);
        end(&parts);
    }
    end(&whole);
}

static void classifier_stopped_after_any_batch_ends_with_the_same_bits(void **state)
{
    (void)state;
    check_every_stop(TASK_CLASSIFICATION, CLASSIFIER);
}

static void regressor_stopped_after_any_batch_ends_with_the_same_bits(void **state)
{
    (void)state;
    check_every_stop(TASK_REGRESSION, REGRESSOR);
}

static void stopping_at_every_batch_in_turn_changes_nothing(void **state)
{
    struct training whole, parts;
    int runs = 0;

    (void)state;
    begin(&whole, TASK_CLASSIFICATION, CLASSIFIER);
    must_run(&whole);
    begin(&parts, TASK_CLASSIFICATION, CLASSIFIER);
    do {
        start_again(&parts);
        stop_at = 1;
        must_run(&parts);
        assert_true(runs++ < 1000);
    } while (parts.result.stopped);
    assert_true(runs > 20);
    assert_same_model(&whole, &parts);
    end(&parts);
    end(&whole);
}

static void checkpoints_by_batches_change_nothing_and_are_told(void **state)
{
    struct training whole, often;

    (void)state;
    begin(&whole, TASK_CLASSIFICATION, CLASSIFIER);
    must_run(&whole);
    begin(&often, TASK_CLASSIFICATION, CLASSIFIER);
    often.fixture.spec.train.checkpoint.batches = 1;
    must_run(&often);
    assert_same_model(&whole, &often);
    assert_reported(&often, "\"checkpoint\"", "\"step\":7", "\"epoch\":1");
    end(&often);
    end(&whole);
}

/* Makes each batch last until the clock has moved. */
static void wait_for_the_clock(struct fixture *fixture)
{
    int64_t now = clock_system.monotonic_ms(clock_system.context);

    (void)fixture;
    while (clock_system.monotonic_ms(clock_system.context) == now)
        continue;
}

static void checkpoints_come_by_time_and_by_epochs_too(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.spec.train.checkpoint.time = 1e-3;
    training.fixture.on_gather = wait_for_the_clock;
    must_run(&training);
    assert_reported(&training, "\"checkpoint\"", "\"step\":1,", "\"epoch\":0");
    end(&training);
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.spec.train.checkpoint.epochs = 2;
    must_run(&training);
    assert_reported(&training, "\"checkpoint\"", "\"step\":12,", "\"epoch\":2");
    end(&training);
}

static void finished_training_is_not_repeated(void **state)
{
    struct training training;
    int64_t steps;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.spec.train.checkpoint.epochs = 1;
    must_run(&training);
    steps = training.result.steps;
    start_again(&training);
    must_run(&training);
    assert_int_equal(training.fixture.gathers, 0);
    assert_int_equal(training.result.steps, steps);
    end(&training);
}

static void training_goes_on_to_more_epochs_later(void **state)
{
    struct training whole, parts;

    (void)state;
    begin(&whole, TASK_REGRESSION, REGRESSOR);
    must_run(&whole);
    begin(&parts, TASK_REGRESSION, REGRESSOR);
    parts.fixture.spec.train.checkpoint.epochs = 1;
    parts.fixture.spec.train.epochs = 1;
    must_run(&parts);
    start_again(&parts);
    parts.fixture.spec.train.epochs = 3;
    must_run(&parts);
    assert_same_model(&whole, &parts);
    end(&parts);
    end(&whole);
}

static bool holds(const struct training *training, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", training->folder, name);
    return file_exists(AT_FDCWD, path);
}

static void end_is_kept_unless_nothing_is(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    must_run(&training);
    assert_true(holds(&training, "last.ckpt") && holds(&training, "best.ckpt"));
    assert_reported(&training, "\"checkpoint\"", "\"epoch\":4", "");
    end(&training);

    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.spec.train.checkpoint.time = 0;
    must_run(&training);
    assert_false(holds(&training, "last.ckpt") || holds(&training, "best.ckpt"));
    assert_not_reported(&training, "\"checkpoint\"", "");
    end(&training);
}

/* ---- damaged and foreign checkpoints ---- */

static void damage(const struct training *training, const char *name)
{
    char path[128];
    struct error error;
    char *data;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", training->folder, name);
    assert_true(file_read(AT_FDCWD, path, 1 << 24, &data, &size, &error));
    data[size / 2] ^= 1;
    assert_true(file_replace_fast(AT_FDCWD, path, data, size, &error));
    free(data);
}

static void stop_in_the_middle(struct training *training)
{
    begin(training, TASK_CLASSIFICATION, CLASSIFIER);
    training->fixture.spec.train.checkpoint.batches = 3;
    stop_at = 11;
    must_run(training);
    assert_true(training->result.stopped);
}

static void damaged_checkpoint_gives_way_to_the_one_before(void **state)
{
    struct training whole, parts;
    int64_t stopped;

    (void)state;
    begin(&whole, TASK_CLASSIFICATION, CLASSIFIER);
    must_run(&whole);
    stop_in_the_middle(&parts);
    stopped = parts.result.steps;
    damage(&parts, "last.ckpt");
    start_again(&parts);
    must_run(&parts);
    assert_true(parts.result.resumed_step > 0 && parts.result.resumed_step < stopped);
    assert_reported(&parts, "\"warning\"", "last.ckpt: its checksum does not match", "");
    assert_same_model(&whole, &parts);
    end(&parts);
    end(&whole);
}

static void two_damaged_checkpoints_mean_a_fresh_start(void **state)
{
    struct training whole, parts;

    (void)state;
    begin(&whole, TASK_CLASSIFICATION, CLASSIFIER);
    must_run(&whole);
    stop_in_the_middle(&parts);
    damage(&parts, "last.ckpt");
    damage(&parts, "last.ckpt.1");
    start_again(&parts);
    must_run(&parts);
    assert_int_equal(parts.result.resumed_step, 0);
    assert_reported(&parts, "\"warning\"", "last.ckpt.1: its checksum", "");
    assert_same_model(&whole, &parts);
    end(&parts);
    end(&whole);
}

static void checkpoint_of_another_configuration_or_seed_is_not_resumed(void **state)
{
    struct training parts;

    (void)state;
    stop_in_the_middle(&parts);
    start_again(&parts);
    parts.context.configuration++;
    must_run(&parts);
    assert_int_equal(parts.result.resumed_step, 0);
    assert_reported(&parts, "\"warning\"", "is of another configuration", "");
    end(&parts);
    stop_in_the_middle(&parts);
    start_again(&parts);
    parts.context.seed++;
    must_run(&parts);
    assert_int_equal(parts.result.resumed_step, 0);
    end(&parts);
}

static void resuming_on_another_kernel_is_marked(void **state)
{
    struct training parts;

    (void)state;
    stop_in_the_middle(&parts);
    if (strcmp(kernel_pick()->name, "plain") == 0) {
        end(&parts);
        skip();
    }
    setenv("NIGHTJAR_KERNEL", "plain", 1);
    start_again(&parts);
    must_run(&parts);
    unsetenv("NIGHTJAR_KERNEL");
    assert_true(parts.result.resumed_step > 0);
    assert_false(parts.result.same_machine);
    assert_reported(&parts, "\"mark\"", "RESUMED_ELSEWHERE", "");
    end(&parts);
}

static void full_disk_costs_a_checkpoint_not_the_training(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.context.checkpoint_folder = "/nowhere/nightjar";
    training.fixture.spec.train.checkpoint.epochs = 1;
    must_run(&training);
    assert_reported(&training, "\"warning\"", "not written", "");
    assert_int_equal(training.result.stopped, false);
    end(&training);
}

/* ---- best weights, early stopping ---- */

static void model_ends_with_the_weights_of_its_best_epoch(void **state)
{
    struct training training;
    struct loss_sum sum = {0};
    const struct row_list *valid;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 32, 'activation': 'relu'},"
          " {'type': 'dense', 'units': 'classes'}], 'train': {'batch': 4, 'epochs': 40,"
          " 'optimizer': {'type': 'adam', 'rate': 0.1}}}");
    must_run(&training);
    assert_true(training.result.best_epoch < 40);
    assert_true(training.result.best_value < training.result.valid_loss);
    valid = &training.fixture.split.part[SPLIT_VALID];
    assert_true(model_predict(training.model, &training.fixture.set, valid->row, valid->n, NULL,
                              &sum, &training.error));
    assert_true(fabs(sum.loss / sum.weight - training.result.best_value) < 1e-12);
    end(&training);
}

static void best_weights_can_be_had_from_the_folder(void **state)
{
    struct training training;
    struct network *network;
    real *best;
    int64_t epoch;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.spec.train.checkpoint.epochs = 1;
    must_run(&training);
    network = (struct network *)training.model;
    best = calloc((size_t)network->n_elements, sizeof(*best));
    memcpy(best, network->value, (size_t)network->n_elements * sizeof(*best));
    start_again(&training);
    assert_true(train_recall_best(training.model, &training.context, &epoch, &training.error));
    network = (struct network *)training.model;
    assert_memory_equal(best, network->value, (size_t)network->n_elements * sizeof(*best));
    assert_int_equal(epoch, training.result.best_epoch);
    free(best);
    end(&training);
}

static void training_without_progress_stops_early(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 'classes'}], 'train': {'epochs': 100,"
          " 'early_stopping': {'patience': 3, 'min_delta': 1000}}}");
    must_run(&training);
    assert_true(training.result.stopped_early);
    assert_int_equal(training.result.epochs, 4); /* the first is the best, three more wait */
    assert_int_equal(training.result.best_epoch, 1);
    end(&training);
}

static void early_stopping_can_look_at_any_metric(void **state)
{
    static const char *const metrics[] = {"train.loss", "valid.auc", "valid.log_loss_class[c1]"};
    char spec[512];

    (void)state;
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        struct training training;

        (void)snprintf(spec, sizeof(spec),
                       "{'model': [{'type': 'dense', 'units': 'classes'}], 'train': {'epochs': 3,"
                       " 'early_stopping': {'metric': '%s'}}}",
                       metrics[i]);
        begin(&training, TASK_CLASSIFICATION, spec);
        must_run(&training);
        assert_int_equal(training.result.epochs, 3);
        assert_true(training.result.best_epoch > 0 && isfinite(training.result.best_value));
        end(&training);
    }
}

static void assert_refused(const char *spec, bool without_valid, const char *path,
                           const char *message)
{
    struct training training;

    begin(&training, TASK_CLASSIFICATION, spec);
    if (without_valid)
        training.fixture.split.part[SPLIT_VALID].n = 0;
    assert_false(run(&training));
    assert_int_equal(training.error.kind, ERROR_INVALID);
    assert_string_equal(training.error.path, path);
    if (!strstr(training.error.message, message))
        fail_msg("%s", training.error.message);
    end(&training);
}

#define UNDEFINED                                                                       \
    "{'model': [{'type': 'dense', 'units': 'classes'}], 'metrics': ['auc'], 'train': {" \
    " 'batch': 15, 'epochs': 8, 'restore_best': true, 'schedule': {'type': 'plateau',"  \
    " 'patience': 1}, 'early_stopping': {'metric': 'valid.auc', 'patience': 2}}}"

static void begin_undefined(struct training *training)
{
    const struct row_list *valid = &training->fixture.split.part[SPLIT_VALID];

    begin(training, TASK_CLASSIFICATION, UNDEFINED);
    for (int64_t i = 0; i < valid->n; i++)
        training->fixture.label[valid->row[i]] = 1;
}

static int count_events(const struct training *training, const char *text)
{
    struct error error;
    char *data, *at;
    size_t size;
    int n = 0;

    assert_true(file_read(AT_FDCWD, training->events, 1 << 24, &data, &size, &error));
    for (at = data; (at = strstr(at, text)); at++)
        n++;
    free(data);
    return n;
}

/* Of one class alone: it ended the training, and lowered the rate, and nobody was told. */
static void metric_that_is_no_number_decides_nothing(void **state)
{
    static const char warning[] = "valid.auc is no number in epoch 1";
    struct training whole, parts;

    (void)state;
    begin_undefined(&whole);
    must_run(&whole);
    assert_int_equal(whole.result.epochs, 8);
    assert_false(whole.result.stopped_early);
    assert_int_equal(whole.result.best_epoch, 0);
    assert_reported(&whole, "\"train.rate_factor\"", "\"value\":1}", "\"step\":8");
    assert_int_equal(count_events(&whole, warning), 1);
    begin_undefined(&parts);
    stop_at = 9;
    must_run(&parts);
    assert_true(parts.result.stopped && parts.result.epochs > 1);
    start_again(&parts);
    must_run(&parts);
    assert_int_equal(count_events(&parts, "valid.auc is no number"), 1);
    assert_same_model(&whole, &parts);
    end(&parts);
    end(&whole);
}

static void early_stopping_on_nothing_is_refused(void **state)
{
    (void)state;
    assert_refused("{'model': [{'type': 'dense', 'units': 3}],"
                   " 'train': {'early_stopping': {'metric': 'valid.rmse'}}}",
                   false, "train.early_stopping.metric", "there is no valid.rmse");
    assert_refused("{'model': [{'type': 'dense', 'units': 3}],"
                   " 'train': {'early_stopping': {'metric': 'loss'}}}",
                   false, "train.early_stopping.metric", "there is no loss");
    assert_refused("{'model': [{'type': 'dense', 'units': 3}],"
                   " 'train': {'early_stopping': {'patience': 2}}}",
                   true, "train.early_stopping.metric", "needs a validation part");
}

static void training_needs_no_validation_part(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.split.part[SPLIT_VALID].n = 0;
    training.fixture.spec.train.early_stopping.patience = 0;
    must_run(&training);
    assert_true(isnan(training.result.valid_loss) && isfinite(training.result.train_loss));
    assert_int_equal(training.result.best_epoch, 0);
    assert_not_reported(&training, "\"metric\"", "valid.");
    end(&training);
}

/* ---- batches, warnings ---- */

static int64_t seen[TRAINING_ROWS];

static void note_rows(const struct sample_set *set, const int64_t *row, int64_t n,
                      struct tensor x[], int32_t *const length[])
{
    for (int64_t i = 0; i < n; i++)
        seen[row[i]]++;
    fixture_gather(set, row, n, x, length);
}

/* failure mode 7 */
static void every_row_is_seen_once_an_epoch_and_the_short_batch_is_kept(void **state)
{
    struct training training;
    int64_t n;

    (void)state;
    memset(seen, 0, sizeof(seen));
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.set.gather = note_rows;
    training.fixture.split.part[SPLIT_VALID].n = 0;
    training.fixture.spec.train.early_stopping.patience = 0;
    must_run(&training);
    n = training.fixture.split.part[SPLIT_TRAIN].n;
    assert_true(n % 8 != 0);
    assert_int_equal(training.result.steps, 4 * ((n + 7) / 8));
    for (int64_t i = 0; i < TRAINING_ROWS; i++)
        assert_int_equal(seen[i], i < n ? 4 : 0);
    end(&training);
}

static struct few_rows {
    int64_t row[8], n;
} foreseen;
static int64_t n_met;

static void note_foreseen(const struct sample_set *set, struct prefetch *prefetch)
{
    (void)set;
    assert_int_equal(foreseen.n, 0); /* once before each batch */
    assert_true(prefetch->n > 0 && prefetch->n <= 8);
    memcpy(foreseen.row, prefetch->row, (size_t)prefetch->n * sizeof(*prefetch->row));
    foreseen.n = prefetch->n;
}

static void meet_foreseen(const struct sample_set *set, const int64_t *row, int64_t n,
                          struct tensor x[], int32_t *const length[])
{
    if (foreseen.n > 0) {
        assert_int_equal(n, foreseen.n);
        assert_memory_equal(row, foreseen.row, (size_t)n * sizeof(*row));
        n_met++;
    }
    foreseen.n = 0;
    fixture_gather(set, row, n, x, length);
}

static void next_batch_is_known_when_one_is_learnt(void **state)
{
    struct training training;
    int64_t steps;

    (void)state;
    n_met = foreseen.n = 0;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    ((struct network *)training.model)->prefetches = true; /* on any processor */
    training.fixture.set.foresee = note_foreseen;
    training.fixture.set.gather = meet_foreseen;
    training.fixture.split.part[SPLIT_VALID].n = 0;
    training.fixture.spec.train.early_stopping.patience = 0;
    must_run(&training);
    steps = (training.fixture.split.part[SPLIT_TRAIN].n + 7) / 8;
    assert_int_equal(training.result.steps, 4 * steps);
    assert_int_equal(n_met, 4 * (steps - 1)); /* but for the first one of each epoch */
    assert_int_equal(foreseen.n, 0);
    end(&training);
}

static void diverging_training_says_at_which_step(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_REGRESSION, REGRESSOR);
    fixture_parse(&training.fixture,
                  "{'model': [{'type': 'dense', 'units': 'targets'}], 'train': {'epochs': 1000,"
                  " 'optimizer': {'type': 'sgd', 'rate': 10}}}");
    start_again(&training);
    assert_false(run(&training));
    assert_int_equal(training.error.kind, ERROR_INVALID);
    assert_string_equal(training.error.path, "train");
    assert_non_null(strstr(training.error.message, "the loss is not finite at step "));
    end(&training);
}

static void layer_without_gradient_is_warned_of(void **state)
{
    struct training training;
    struct network *network;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    network = (struct network *)training.model;
    memset(network->value, 0, (size_t)network->n_elements * sizeof(real)); /* all units dead */
    must_run(&training);
    assert_reported(&training, "\"warning\"", "model[0]", "dense1.weight is zero");
    assert_reported(&training, "\"warning\"", "model[2]", "dense2.weight is zero");
    assert_not_reported(&training, "\"warning\"", "dense2.bias");
    end(&training);
}

static void healthy_training_warns_of_nothing(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    must_run(&training);
    assert_not_reported(&training, "\"warning\"", "");
    assert_reported(&training, "\"progress\"", "\"total\":4", "\"done\":4");
    end(&training);
}

static void classes_are_learnt(void **state)
{
    struct training training;
    const struct metric_value *accuracy;
    struct evaluation evaluation;
    double prediction[TRAINING_ROWS * TRAINING_CLASSES], naive[TRAINING_CLASSES];

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER);
    training.fixture.spec.train.epochs = 30;
    training.fixture.spec.train.early_stopping.patience = 0;
    must_run(&training);
    assert_true(model_predict(training.model, &training.fixture.set, training.fixture.row,
                              TRAINING_ROWS, prediction, NULL, &training.error));
    assert_true(metric_naive_row(&training.fixture.set, NULL,
                                 &training.fixture.split.part[SPLIT_TRAIN], naive,
                                 &training.error));
    assert_true(metric_evaluate(NULL, &training.fixture.set, NULL, training.fixture.row,
                                TRAINING_ROWS, prediction, naive, &evaluation, &training.error));
    accuracy = evaluation_find(&evaluation, "accuracy");
    assert_true(accuracy->value > 0.8 && accuracy->naive < 0.6);
    evaluation_release(&evaluation);
    end(&training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classifier_stopped_after_any_batch_ends_with_the_same_bits),
        cmocka_unit_test(regressor_stopped_after_any_batch_ends_with_the_same_bits),
        cmocka_unit_test(stopping_at_every_batch_in_turn_changes_nothing),
        cmocka_unit_test(checkpoints_by_batches_change_nothing_and_are_told),
        cmocka_unit_test(checkpoints_come_by_time_and_by_epochs_too),
        cmocka_unit_test(finished_training_is_not_repeated),
        cmocka_unit_test(training_goes_on_to_more_epochs_later),
        cmocka_unit_test(end_is_kept_unless_nothing_is),
        cmocka_unit_test(damaged_checkpoint_gives_way_to_the_one_before),
        cmocka_unit_test(two_damaged_checkpoints_mean_a_fresh_start),
        cmocka_unit_test(checkpoint_of_another_configuration_or_seed_is_not_resumed),
        cmocka_unit_test(resuming_on_another_kernel_is_marked),
        cmocka_unit_test(full_disk_costs_a_checkpoint_not_the_training),
        cmocka_unit_test(model_ends_with_the_weights_of_its_best_epoch),
        cmocka_unit_test(best_weights_can_be_had_from_the_folder),
        cmocka_unit_test(training_without_progress_stops_early),
        cmocka_unit_test(early_stopping_can_look_at_any_metric),
        cmocka_unit_test(metric_that_is_no_number_decides_nothing),
        cmocka_unit_test(early_stopping_on_nothing_is_refused),
        cmocka_unit_test(training_needs_no_validation_part),
        cmocka_unit_test(every_row_is_seen_once_an_epoch_and_the_short_batch_is_kept),
        cmocka_unit_test(next_batch_is_known_when_one_is_learnt),
        cmocka_unit_test(diverging_training_says_at_which_step),
        cmocka_unit_test(layer_without_gradient_is_warned_of),
        cmocka_unit_test(healthy_training_warns_of_nothing),
        cmocka_unit_test(classes_are_learnt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
