/* How training is done: limits, roll-backs, snapshots, starts, and what is measured on the way. */
#include "tests/unit/engine/training.h"

#include <time.h>

#include "worker/engine/hdf5.h"
#include "worker/engine/limit.h"
#include "worker/engine/pipeline.h"

#define CLASSIFIER(train)                                                                     \
    "{'model': [{'type': 'dense', 'units': 8, 'activation': 'tanh'},"                         \
    " {'type': 'dense', 'units': 'classes'}], 'metrics': ['accuracy'], 'train': {'batch': 9," \
    " 'epochs': 4, " train "}}"
#define STEPS_PER_EPOCH 5

static struct clock_manual hands;
static struct clock hands_clock;

static void a_second_passes(struct fixture *fixture)
{
    (void)fixture;
    hands.monotonic_ms += 1000;
    hands.wall_ms += 1000;
}

static void begin_by_hand(struct training *training, const char *spec)
{
    hands = (struct clock_manual){.wall_ms = 1790000000000};
    hands_clock = clock_manual_of(&hands);
    begin(training, TASK_CLASSIFICATION, spec);
    training->fixture.on_gather = a_second_passes;
    training->context.clock = &hands_clock;
}

static void training_ends_after_so_many_batches_and_goes_on_later(void **state)
{
    struct training whole, parts;

    (void)state;
    begin(&whole, TASK_CLASSIFICATION, CLASSIFIER("'shuffle': true"));
    must_run(&whole);
    begin(&parts, TASK_CLASSIFICATION, CLASSIFIER("'limit': {'batches': 10}"));
    must_run(&parts);
    assert_true(parts.result.cut);
    assert_int_equal(parts.result.steps, 10);
    assert_int_equal(parts.result.epochs, 2);
    assert_reported(&parts, "\"UNFINISHED\"", "train.limit.batches", "\"count\":2");
    start_again(&parts);
    parts.fixture.spec.train.limit.batches = 0;
    must_run(&parts);
    assert_false(parts.result.cut);
    assert_same_model(&whole, &parts);
    end(&parts);
    end(&whole);
}

static void limit_within_an_epoch_still_validates(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'limit': {'batches': 7}"));
    must_run(&training);
    assert_int_equal(training.result.steps, 7);
    assert_reported(&training, "\"valid.loss\"", "\"step\":2", "");
    assert_true(training.result.best_epoch > 0);
    end(&training);
}

/* The second run finds the decision but no checkpoint, and a clock that stands still. */
static void what_the_clock_decided_is_replayed(void **state)
{
    struct training training;
    int64_t steps;
    char path[128];
    real *weights;
    size_t size;

    (void)state;
    begin_by_hand(&training, CLASSIFIER("'limit': {'time': '8s'}, 'checkpoint': {'time': 0}"));
    must_run(&training);
    steps = training.result.steps;
    assert_true(training.result.cut && steps > 3 && steps < 4 * STEPS_PER_EPOCH);
    assert_reported(&training, "\"decision\"", "train.limit.time", "\"step\":");
    size = (size_t)((struct network *)training.model)->n_elements * sizeof(real);
    weights = malloc(size);
    assert_non_null(weights);
    memcpy(weights, ((struct network *)training.model)->value, size);
    (void)snprintf(path, sizeof(path), "%s/decision.json", training.folder);
    assert_true(file_exists(AT_FDCWD, path));

    start_again(&training);
    training.fixture.on_gather = NULL;
    must_run(&training);
    assert_int_equal(training.result.steps, steps);
    assert_memory_equal(weights, ((struct network *)training.model)->value, size);

    start_again(&training); /* under another limit it decides nothing */
    training.fixture.spec.train.limit.time = 1000;
    must_run(&training);
    assert_int_equal(training.result.steps, 4 * STEPS_PER_EPOCH);
    free(weights);
    end(&training);
}

static void training_ends_at_an_hour(void **state)
{
    struct training training;
    char spec[512], hour[8];
    time_t then;
    struct tm local;

    (void)state;
    begin_by_hand(&training, CLASSIFIER("'shuffle': true"));
    then = (time_t)(hands.wall_ms / 1000) + 60;
    assert_non_null(localtime_r(&then, &local));
    assert_true(strftime(hour, sizeof(hour), "%H:%M", &local) == 5);
    end(&training);
    (void)snprintf(spec, sizeof(spec), CLASSIFIER("'limit': {'until': '%s'}"), hour);
    begin_by_hand(&training, spec);
    hands.wall_ms += 60000 - (hands.wall_ms + 60000) % 60000 - 4000; /* four seconds before it */
    must_run(&training);
    assert_true(training.result.cut);
    assert_true(training.result.steps >= 3 && training.result.steps <= 5);
    assert_reported(&training, "\"UNFINISHED\"", "train.limit.until", "");
    end(&training);
}

static void sleep_of_the_machine_is_no_training_but_the_hour_comes(void **state)
{
    struct clock_manual manual = {.wall_ms = 1790000000000, .monotonic_ms = 5000, .boot_ms = 5000};
    const struct clock clock = clock_manual_of(&manual);
    const struct limit_config hours = {.time = 3600};
    const struct limit_config until = {.until = (char *)(uintptr_t) "06:30"};
    struct limit by_hours, by_hour;
    struct error error;
    const char *why;
    bool reached;

    (void)state;
    assert_true(limit_init(&by_hours, &hours, NULL, &clock, 1, &error));
    assert_true(limit_init(&by_hour, &until, NULL, &clock, 1, &error));
    manual.wall_ms += 86400000;
    manual.boot_ms += 86400000;
    manual.monotonic_ms += 1000;
    assert_int_equal(limit_spent_ms(&by_hours), 1000);
    assert_true(limit_reached(&by_hours, 1, &reached, &why, &error));
    assert_false(reached);
    assert_true(limit_reached(&by_hour, 1, &reached, &why, &error));
    assert_true(reached);
    assert_string_equal(why, "train.limit.until");
    manual.monotonic_ms += 3600000;
    assert_true(limit_reached(&by_hours, 2, &reached, &why, &error));
    assert_true(reached);
}

/* ---- the hour, over several runs ---- */

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)

/* A folder of decisions, and a clock at midnight, here. */
struct night {
    char folder[64];
    int64_t midnight_ms;
    struct clock_manual manual;
    struct clock clock;
    struct limit_config config;
};

static void begin_night(struct night *night)
{
    struct tm local = {.tm_year = 126, .tm_mon = 8, .tm_mday = 21, .tm_isdst = -1};

    *night = (struct night){.folder = "/tmp/nightjar-night-XXXXXX"};
    assert_non_null(mkdtemp(night->folder));
    night->midnight_ms = (int64_t)mktime(&local) * 1000;
    night->manual.wall_ms = night->midnight_ms;
    night->clock = clock_manual_of(&night->manual);
    night->config.until = (char *)(uintptr_t) "06:30";
}

static void end_night(struct night *night)
{
    struct error error;

    assert_true(file_remove_tree(AT_FDCWD, night->folder, &error));
}

/* Minutes from midnight to the end of a run that begins now. */
static int64_t deadline_of_run(struct night *night, uint64_t configuration)
{
    struct limit limit;
    struct error error;

    if (!limit_init(&limit, &night->config, night->folder, &night->clock, configuration, &error))
        fail_msg("%s", error.message);
    return (limit.deadline_ms - night->midnight_ms) / 60000;
}

static void hour_is_the_first_runs_for_all_of_them(void **state)
{
    struct night night;
    struct error error;

    (void)state;
    begin_night(&night);
    assert_int_equal(deadline_of_run(&night, 1), 390);
    night.manual.wall_ms += 6 * HOUR_MS + HOUR_MS * 3 / 4;
    assert_int_equal(deadline_of_run(&night, 1), 390);
    night.config.time = 60; /* another limit moves no hour */
    assert_int_equal(deadline_of_run(&night, 1), 390);
    night.config.until = (char *)(uintptr_t) "06:50";
    assert_int_equal(deadline_of_run(&night, 1), 410);
    night.manual.wall_ms += HOUR_MS;
    assert_int_equal(deadline_of_run(&night, 1), 410);
    assert_int_equal(deadline_of_run(&night, 2), 24 * 60 + 410); /* another training */
    assert_true(file_remove_tree(AT_FDCWD, night.folder, &error));
    assert_true(file_make_folders(night.folder, &error));
    assert_int_equal(deadline_of_run(&night, 2), 24 * 60 + 410); /* a restart */
    end_night(&night);
}

static void hour_of_a_clock_that_was_ahead_is_forgotten(void **state)
{
    struct night night;

    (void)state;
    begin_night(&night);
    night.manual.wall_ms += 300 * DAY_MS;
    assert_true(deadline_of_run(&night, 1) > 299 * 24 * 60);
    night.manual.wall_ms = night.midnight_ms;
    assert_int_equal(deadline_of_run(&night, 1), 390);
    end_night(&night);
}

/* Stopped before the hour, taken up after it. */
static void run_that_is_taken_up_after_the_hour_ends_at_once(void **state)
{
    struct training training;
    char spec[512], hour[8];
    int64_t steps;
    time_t then;
    struct tm local;

    (void)state;
    then = 1790000000 + 3600;
    assert_non_null(localtime_r(&then, &local));
    assert_true(strftime(hour, sizeof(hour), "%H:%M", &local) == 5);
    (void)snprintf(spec, sizeof(spec), CLASSIFIER("'limit': {'until': '%s'}"), hour);
    begin_by_hand(&training, spec);
    training.fixture.on_gather = count_gathers;
    stop_at = 8;
    must_run(&training);
    assert_true(training.result.stopped && !training.result.cut);
    steps = training.result.steps;
    assert_true(steps > 0 && steps < 4 * STEPS_PER_EPOCH);

    start_again(&training);
    hands.wall_ms += HOUR_MS + 15 * 60000;
    must_run(&training);
    assert_true(training.result.cut);
    assert_int_equal(training.result.resumed_step, steps);
    assert_int_equal(training.result.steps, steps);
    assert_reported(&training, "\"UNFINISHED\"", "train.limit.until", "");
    end(&training);
}

static void times_of_day_are_checked(void **state)
{
    static const char *const wrong[] = {"24:00", "6:30", "06:60", "06-30", "now", "06:30x"};
    struct limit_config config = {.until = (char *)(uintptr_t) "06:30"};
    struct error error;

    (void)state;
    assert_true(limit_check(&config, &error));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        config.until = (char *)(uintptr_t)wrong[i];
        assert_false(limit_check(&config, &error));
        assert_string_equal(error.path, "train.limit.until");
    }
}

/* ---- roll-backs ---- */

static void training_that_diverges_goes_back_and_slows_down(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_REGRESSION,
          "{'model': [{'type': 'dense', 'units': 'targets'}], 'train': {'batch': 9, 'epochs': 6,"
          " 'optimizer': {'type': 'sgd', 'rate': 10}, 'rollback': {'times': 5, 'factor': 0.03}}}");
    must_run(&training);
    assert_true(isfinite(training.result.train_loss));
    assert_reported(&training, "\"warning\"", "back to the best weights", "train.rollback");
    assert_reported(&training, "\"train.rate_factor\"", "\"step\":6", "");
    end(&training);
}

#define REWEIGHTED                                                                 \
    "{'model': [{'type': 'dense', 'units': 300}, {'type': 'dense', 'units': 300}," \
    " {'type': 'dense', 'units': 'classes'}], 'train': {'batch': 5, 'epochs': 8,"  \
    " 'loss': {'type': 'cross_entropy', 'reweight': true}, 'batch_losses': 7,"     \
    " 'optimizer': {'type': 'sgd', 'rate': 10}, 'rollback': {'times': 3, 'factor': 1e-4}}}"

/* What the loss had learnt of the batches before is nothing to go on from either. */
static void weights_of_classes_begin_anew_after_a_roll_back(void **state)
{
    struct training training;
    const struct network *network;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, REWEIGHTED);
    must_run(&training);
    assert_reported(&training, "back to the best weights", "train.rollback", "");
    assert_reported(&training, "\"train.batch_loss[c1]\"", "", "");
    assert_not_reported(&training, "\"train.batch_loss", "NaN");
    assert_true(isfinite(training.result.train_loss));
    assert_true(training.result.best_epoch > 0);
    network = (const struct network *)training.model;
    for (int64_t i = 0; i < network->n_elements; i++)
        assert_true(isfinite(network->value[i]));
    for (int64_t i = 0; i < network->loss.n_memory; i++)
        assert_true(isfinite(network->loss.memory[i]));
    end(&training);
}

/* Stopped before the roll-back, and at several places after it. */
static void training_that_went_back_goes_on_with_the_same_bits(void **state)
{
    static const int64_t stops[] = {2, 4, 6, 9, 15};
    struct training whole;

    (void)state;
    begin(&whole, TASK_CLASSIFICATION, REWEIGHTED);
    must_run(&whole);
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        struct training parts;

        begin(&parts, TASK_CLASSIFICATION, REWEIGHTED);
        stop_at = stops[i];
        must_run(&parts);
        assert_true(parts.result.stopped);
        start_again(&parts);
        must_run(&parts);
        assert_same_model(&whole, &parts);
        end(&parts);
    }
    end(&whole);
}

/* A row whose weight is not a number adds nothing to the loss, and not a number to what it is
 * divided by. */
static void weights_that_are_no_numbers_are_trouble_too(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          CLASSIFIER("'loss': {'type': 'cross_entropy', 'reweight': true}"));
    for (int i = 0; i < TRAINING_CLASSES; i++)
        ((struct network *)training.model)->loss.memory[i] = NAN;
    assert_false(run(&training));
    assert_non_null(strstr(training.error.message, "the loss is not finite at step 1 "));
    end(&training);
}

static void without_roll_backs_it_fails_as_before(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_REGRESSION,
          "{'model': [{'type': 'dense', 'units': 'targets'}], 'train': {'batch': 9, 'epochs': 60,"
          " 'optimizer': {'type': 'sgd', 'rate': 10}}}");
    assert_false(run(&training));
    assert_non_null(strstr(training.error.message, "the loss is not finite at step"));
    end(&training);
}

/* ---- what is measured and kept ---- */

static double reported(const struct training *training, const char *name, int step)
{
    scoped(json_free) cJSON *event = NULL;
    char quoted[64], at[32], *line;
    struct error error;
    double value;

    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    (void)snprintf(at, sizeof(at), "\"step\":%d,", step);
    line = find_event(training, "\"metric\"", quoted, at);
    if (!line)
        fail_msg("no %s at step %d", name, step);
    assert_true(json_parse(line, strlen(line), &event, &error));
    value = json_number(event, "value", NAN);
    free(line);
    return value;
}

/* Over an epoch they are its loss, and the classes' together the whole. */
static void losses_of_batches_and_classes_add_up(void **state)
{
    struct training training;
    const struct row_list *train;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'batch_losses': 2"));
    training.fixture.spec.train.batch_losses = STEPS_PER_EPOCH;
    train = &training.fixture.split.part[SPLIT_TRAIN];
    must_run(&training);
    for (int epoch = 1; epoch <= 4; epoch++) {
        double all = reported(&training, "train.batch_loss", epoch * STEPS_PER_EPOCH), sum = 0;

        for (int class = 0; class < TRAINING_CLASSES; class ++) {
            char name[64];
            int n = 0;

            (void)snprintf(name, sizeof(name), "train.batch_loss[c%d]", class);
            for (int64_t i = 0; i < train->n; i++)
                n += training.fixture.label[train->row[i]] == class;
            sum += n * reported(&training, name, epoch * STEPS_PER_EPOCH);
        }
        assert_true(fabs(all - reported(&training, "train.loss", epoch)) < 1e-9);
        assert_true(fabs(sum / (double)train->n - all) < 1e-6);
    }
    end(&training);
}

/* Each so many batches one figure, whatever epochs there are. */
static void losses_of_batches_go_on_across_epochs(void **state)
{
    struct training training;
    int told = 0;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'batch_losses': 4"));
    must_run(&training);
    for (int64_t step = 4; step <= training.result.steps; step += 4)
        told += isfinite(reported(&training, "train.batch_loss", (int)step));
    assert_int_equal(told, training.result.steps / 4);
    assert_not_reported(&training, "\"train.batch_loss\"", "\"step\":5,");
    end(&training);
}

/* Beside a loss stands the factor that it was made with, not the next batch's. */
static void rate_factor_is_that_of_the_epochs_last_batch(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_CLASSIFICATION,
          "{'model': [{'type': 'dense', 'units': 'classes'}], 'train': {'batch': 100, 'epochs': 3,"
          " 'schedule': {'type': 'range_test', 'from': 0.25}}}");
    must_run(&training);
    assert_reported(&training, "\"train.rate_factor\"", "\"value\":0.25}", "\"step\":1");
    assert_reported(&training, "\"train.rate_factor\"", "\"value\":0.5}", "\"step\":2");
    assert_reported(&training, "\"train.rate_factor\"", "\"value\":1}", "\"step\":3");
    end(&training);
}

static void full_loss_is_that_of_the_weights_at_the_epochs_end(void **state)
{
    struct training training;
    struct loss_sum sum = {0};
    char *line, expected[64];

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'full_loss': true, 'restore_best': false"));
    must_run(&training);
    assert_true(model_predict(
        training.model, &training.fixture.set, training.fixture.split.part[SPLIT_TRAIN].row,
        training.fixture.split.part[SPLIT_TRAIN].n, NULL, &sum, &training.error));
    line = find_event(&training, "\"train.full_loss\"", "\"step\":4", "");
    assert_non_null(line);
    (void)snprintf(expected, sizeof(expected), "\"value\":%.6g", sum.loss / sum.weight);
    if (!strstr(line, expected))
        fail_msg("%s has no %s", line, expected);
    free(line);
    end(&training);
}

/* Counted again from what the model predicts: of two outputs the differences of the logarithms. */
static void outputs_of_each_class_are_told_by_epoch(void **state)
{
    struct training training;
    const struct row_list *valid = &training.fixture.split.part[SPLIT_VALID];
    struct logits logits = {0};
    struct error error;
    int64_t counted[2] = {0}, of_class = 0;
    char *line;

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'logits': 2, 'restore_best': false"));
    must_run(&training);
    assert_not_reported(&training, "table", "valid.logits[1]");
    assert_reported(&training, "table", "valid.logits[2]", "\"step\":2");
    line = find_event(&training, "table", "valid.logits[4]", "\"its own\"");
    assert_non_null(line);
    assert_null(training.model->logits);
    assert_true(logits_init(&logits, training.model->n_logits, &error));
    training.model->logits = &logits;
    assert_true(model_predict(training.model, &training.fixture.set, valid->row, valid->n, NULL,
                              NULL, &error));
    for (int k = 0; k < LOGITS_BINS; k++) {
        counted[0] += logits.count[k];
        counted[1] += logits.count[LOGITS_BINS + k];
    }
    for (int64_t i = 0; i < valid->n; i++)
        of_class += training.fixture.set.label[valid->row[i]] == 0;
    assert_int_equal(counted[0], of_class);
    assert_int_equal(counted[1], valid->n - of_class);
    logits_release(&logits);
    free(line);
    end(&training);
}

static void bins_of_outputs_do_not_depend_on_the_order(void **state)
{
    const int32_t label[4] = {0, 1, 1, 0};
    const struct sample_set set = {.label = label};
    real value[4][2] = {{(real)0.1, -3}, {7, (real)0.99}, {-1, (real)5.99}, {NAN, 1}};
    int64_t order[2][4] = {{0, 1, 2, 3}, {2, 3, 1, 0}};
    struct logits logits[2];
    struct error error;

    (void)state;
    for (int i = 0; i < 2; i++) {
        real y[4][2];

        for (int k = 0; k < 4; k++)
            memcpy(y[k], value[order[i][k]], sizeof(y[k]));
        assert_true(logits_init(&logits[i], 2, &error));
        logits_add(&logits[i],
                   &(struct tensor){.data = &y[0][0], .steps = 1, .rows = 4, .width = 2}, &set,
                   order[i], 4);
        assert_true(logits[i].range == 8);
    }
    assert_memory_equal(logits[0].count, logits[1].count,
                        4 * LOGITS_BINS * sizeof(*logits[0].count));
    assert_int_equal(logits[0].count[6], 1);                    /* 0.1 of class 0 */
    assert_int_equal(logits[0].count[LOGITS_BINS + 11], 1);     /* 7 of another */
    assert_int_equal(logits[0].count[2 * LOGITS_BINS + 10], 1); /* 5.99 of class 1 */
    logits_release(&logits[0]);
    logits_release(&logits[1]);
}

static int64_t kept[16][2];
static int n_kept;

static bool keep(void *context, int64_t epoch, int64_t batch, struct error *error)
{
    (void)context, (void)error;
    assert_true(n_kept < 16);
    kept[n_kept][0] = epoch;
    kept[n_kept++][1] = batch;
    return true;
}

static void snapshots_are_taken_by_batches_and_epochs(void **state)
{
    struct training training;

    (void)state;
    n_kept = 0;
    begin(&training, TASK_CLASSIFICATION,
          CLASSIFIER("'snapshots': {'batches': 3, 'epochs': 2, 'from': 2}"));
    training.context.snapshot = keep;
    must_run(&training);
    assert_int_equal(n_kept, 5 + 2); /* steps 6 9 12 15 18, epochs 2 4 */
    assert_true(kept[0][0] == 2 && kept[0][1] == 1);
    assert_true(kept[2][0] == 2 && kept[2][1] == STEPS_PER_EPOCH);
    end(&training);
}

/* ---- warm starts ---- */

static void write_weights(const char *path, const struct network *network, int64_t rows)
{
    const struct parameter *weight = &network->layer[0].parameter[0];
    const struct parameter *bias = &network->layer[0].parameter[1];
    scoped(hdf5_close) struct hdf5_file *file = NULL;
    struct error error;

    for (int64_t i = 0; i < weight->rows * weight->columns; i++)
        weight->value[i] = (real)i;
    assert_true(hdf5_create(path, &file, &error));
    assert_true(hdf5_write_text(file, "/format", "nightjar-model 2", &error));
    assert_true(hdf5_write_reals(file, "/weights/dense1/weight", weight->value, rows,
                                 weight->columns, &error));
    assert_true(hdf5_write_reals(file, "/weights/dense1/bias", bias->value, bias->rows, 1, &error));
    assert_true(hdf5_commit(&file, &error));
}

static void training_begins_with_another_models_weights(void **state)
{
    struct training training;
    struct train_config config = {0};
    struct network *network;
    char path[128];

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'shuffle': true"));
    network = (struct network *)training.model;
    (void)snprintf(path, sizeof(path), "%s/other.h5", training.folder);
    write_weights(path, network, 8);
    memset(network->value, 0, (size_t)network->n_elements * sizeof(real));
    config.start.model = path;
    config.start.match = (char *)(uintptr_t) "dense1.*";
    if (!pipeline_start(&config, NULL, training.folder, training.model, &training.error))
        fail_msg("%s", training.error.message);
    assert_true(network_parameter(network, "dense1.weight")->value[7] == 7);
    assert_true(network_parameter(network, "dense2.weight")->value[0] == 0);
    assert_reported(&training, "\"note\"", "2 of 4 parameters begin with those of", "");
    config.start.match = (char *)(uintptr_t) "dense7.*";
    assert_false(pipeline_start(&config, NULL, training.folder, training.model, &training.error));
    assert_string_equal(training.error.path, "train.start.match");
    config.start.match = (char *)(uintptr_t) "*"; /* dense2 is not in the file */
    assert_false(pipeline_start(&config, NULL, training.folder, training.model, &training.error));
    write_weights(path, network, 7); /* another shape */
    config.start.match = (char *)(uintptr_t) "dense1.*";
    assert_false(pipeline_start(&config, NULL, training.folder, training.model, &training.error));
    assert_non_null(strstr(training.error.message, "dense1.weight"));
    config.start.model = (char *)(uintptr_t) "/nowhere/model.h5";
    assert_false(pipeline_start(&config, NULL, training.folder, training.model, &training.error));
    assert_string_equal(training.error.path, "train.start.model");
    end(&training);
}

static void experiment_means_its_last_run_with_a_model(void **state)
{
    scoped(buffer_release) struct buffer path = {0};
    struct training training;
    char name[160];

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'shuffle': true"));
    for (int run = 1; run <= 3; run++) {
        (void)snprintf(name, sizeof(name), "%s/12/%d/artifacts", training.folder, run);
        assert_true(file_make_folders(name, &training.error));
        (void)snprintf(name, sizeof(name), "%s/12/%d/artifacts/model.h5", training.folder, run);
        if (run < 3)
            assert_true(file_replace_fast(AT_FDCWD, name, "x", 1, &training.error));
    }
    assert_true(
        pipeline_find_model("12", "/elsewhere", training.folder, "x", &path, &training.error));
    assert_non_null(strstr(path.data, "/12/2/artifacts/model.h5"));
    assert_false(pipeline_find_model("13", NULL, training.folder, "x", &path, &training.error));
    end(&training);
}

static void snapshots_are_listed_in_their_order(void **state)
{
    static const char *const names[] = {"epoch_002_batch_00001.h5", "epoch_001_batch_00005.h5",
                                        "notes.txt"};
    scoped(model_files_release) struct model_files list = {0};
    struct training training;
    char path[192];

    (void)state;
    begin(&training, TASK_CLASSIFICATION, CLASSIFIER("'shuffle': true"));
    (void)snprintf(path, sizeof(path), "%s/12/1/artifacts/snapshots", training.folder);
    assert_true(file_make_folders(path, &training.error));
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/12/1/artifacts/snapshots/%s", training.folder,
                       names[i]);
        assert_true(file_replace_fast(AT_FDCWD, path, "x", 1, &training.error));
    }
    (void)snprintf(path, sizeof(path), "%s/12/2", training.folder); /* a run without any */
    assert_true(file_make_folders(path, &training.error));
    assert_true(
        pipeline_list_snapshots("12", "/elsewhere", training.folder, &list, &training.error));
    assert_int_equal(list.n, 2);
    assert_non_null(strstr(list.path[0], names[1]));
    assert_non_null(strstr(list.path[1], names[0]));
    assert_false(pipeline_list_snapshots("14", NULL, training.folder, &list, &training.error));
    assert_string_equal(training.error.path, "evaluate.snapshots");
    end(&training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_ends_after_so_many_batches_and_goes_on_later),
        cmocka_unit_test(limit_within_an_epoch_still_validates),
        cmocka_unit_test(what_the_clock_decided_is_replayed),
        cmocka_unit_test(training_ends_at_an_hour),
        cmocka_unit_test(times_of_day_are_checked),
        cmocka_unit_test(sleep_of_the_machine_is_no_training_but_the_hour_comes),
        cmocka_unit_test(hour_is_the_first_runs_for_all_of_them),
        cmocka_unit_test(hour_of_a_clock_that_was_ahead_is_forgotten),
        cmocka_unit_test(run_that_is_taken_up_after_the_hour_ends_at_once),
        cmocka_unit_test(training_that_diverges_goes_back_and_slows_down),
        cmocka_unit_test(weights_of_classes_begin_anew_after_a_roll_back),
        cmocka_unit_test(training_that_went_back_goes_on_with_the_same_bits),
        cmocka_unit_test(weights_that_are_no_numbers_are_trouble_too),
        cmocka_unit_test(without_roll_backs_it_fails_as_before),
        cmocka_unit_test(losses_of_batches_and_classes_add_up),
        cmocka_unit_test(losses_of_batches_go_on_across_epochs),
        cmocka_unit_test(rate_factor_is_that_of_the_epochs_last_batch),
        cmocka_unit_test(full_loss_is_that_of_the_weights_at_the_epochs_end),
        cmocka_unit_test(outputs_of_each_class_are_told_by_epoch),
        cmocka_unit_test(bins_of_outputs_do_not_depend_on_the_order),
        cmocka_unit_test(snapshots_are_taken_by_batches_and_epochs),
        cmocka_unit_test(training_begins_with_another_models_weights),
        cmocka_unit_test(experiment_means_its_last_run_with_a_model),
        cmocka_unit_test(snapshots_are_listed_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
