/*
 * Processes that are killed at any batch, and the ones that go on from what they left: the end is
 * that of a training that nobody disturbed, to the bit: the whole state, what was reported,
 * predictions. Over all kinds of models.
 *
 * The kernel's memory killer makes such kills: failure mode 13.
 *
 * A training runs in a process of its own, which kills itself (SIGKILL) at the moment that the
 * test has chosen. $NIGHTJAR_TEST_KILLS: how many of each kind, instead of 2.
 */
#include "tests/unit/engine/training.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/engine/checkpoint.h"
#include "worker/engine/model/xgboost.h"
#include "worker/engine/order.h"

#define KILLS 2
#define EPOCHS 3
#define BATCH 8
#define N_MOMENTS 3

enum moment { BEFORE_STEP, BEFORE_CHECKPOINT, AFTER_CHECKPOINT };

static enum moment moment;
static int64_t countdown; /* how many such moments are survived, and the next not; < 0: all are */

static void reach(enum moment now)
{
    if (now == moment && countdown-- == 0)
        (void)kill(getpid(), SIGKILL);
}

int64_t __real_order_fill(struct order *order, int64_t epoch, int64_t batch, int64_t *ret_row);
int64_t __wrap_order_fill(struct order *order, int64_t epoch, int64_t batch, int64_t *ret_row);
int64_t __wrap_order_fill(struct order *order, int64_t epoch, int64_t batch, int64_t *ret_row)
{
    reach(BEFORE_STEP);
    return __real_order_fill(order, epoch, batch, ret_row);
}

bool __real_checkpoint_write(const char *folder, const char *name, const struct state *state,
                             const struct checkpoint_identity *identity, bool keep_previous,
                             struct error *error);
bool __wrap_checkpoint_write(const char *folder, const char *name, const struct state *state,
                             const struct checkpoint_identity *identity, bool keep_previous,
                             struct error *error);
bool __wrap_checkpoint_write(const char *folder, const char *name, const struct state *state,
                             const struct checkpoint_identity *identity, bool keep_previous,
                             struct error *error)
{
    bool done;

    reach(BEFORE_CHECKPOINT);
    done = __real_checkpoint_write(folder, name, state, identity, keep_previous, error);
    reach(AFTER_CHECKPOINT);
    return done;
}

/* ---- kinds ------------------------------------------------------------------------------------*/

#define SEQUENCE               \
    {                          \
        .steps = 6, .width = 4 \
    }
#define ROW                                 \
    {                                       \
        .steps = 1, .width = TRAINING_WIDTH \
    }
#define TAIL "{'type': 'dense', 'units': 'outputs'}"

static const struct kind_case {
    const char *name, *model, *train;
    enum task task;
    struct shape shape;
    bool varies, counts; /* unequal lengths; whole numbers for an embedding */
    bool each;           /* a target for each step */
} cases[] = {
    {"dense",
     "{'type': 'dense', 'units': 6, 'activation': 'tanh'}, {'type': 'dropout', 'rate': 0.3}", "",
     TASK_CLASSIFICATION, ROW, false, false, false},
    {"conv1d",
     "{'type': 'conv1d', 'filters': 5, 'size': 3, 'activation': 'relu'}, {'type': 'max_pool1d'}, "
     "'flatten'",
     "", TASK_CLASSIFICATION, SEQUENCE, false, false, false},
    {"images, cropped and turned over",
     "{'type': 'random_resized_crop', 'size': [5, 4]}, {'type': 'random_flip', 'vertical': 0.5}, "
     "{'type': 'random_crop', 'size': [3, 3]}, 'flatten'",
     "", TASK_CLASSIFICATION, SEQUENCE, false, false, false},
    {"bidirectional lstm over unequal lengths",
     "{'type': 'lstm', 'units': 5, 'bidirectional': true, 'sequences': true, 'dropout': 0.3, "
     "'recurrent_dropout': 0.2, 'mask': 'per_gate'}, {'type': 'lstm', 'units': 4}",
     "", TASK_CLASSIFICATION, SEQUENCE, true, false, false},
    {"gru", "{'type': 'gru', 'units': 5, 'dropout': 0.2}", "", TASK_REGRESSION, SEQUENCE, true,
     false, false},
    {"lstm with a label for each step",
     "{'type': 'lstm', 'units': 5, 'sequences': true, 'dropout': 0.2}", "", TASK_CLASSIFICATION,
     SEQUENCE, true, false, true},
    {"gru, reset before", "{'type': 'gru', 'units': 5, 'reset_after': false}", "",
     TASK_CLASSIFICATION, SEQUENCE, true, false, false},
    {"stateful lstm",
     "{'type': 'lstm', 'units': 5, 'stateful': true, 'sequences': true, 'dropout': 0.2}, "
     "{'type': 'gru', 'units': 4, 'stateful': true}",
     "'shuffle': false", TASK_CLASSIFICATION, SEQUENCE, false, false, false},
    {"simple_rnn", "{'type': 'simple_rnn', 'units': 5, 'recurrent_dropout': 0.4}",
     "'optimizer': {'type': 'sgd', 'rate': 0.05, 'momentum': 0.9}", TASK_CLASSIFICATION, SEQUENCE,
     false, false, false},
    {"batch_norm",
     "{'type': 'dense', 'units': 6}, 'batch_norm', 'relu', {'type': 'dense', 'units': 6}, "
     "'layer_norm'",
     "", TASK_CLASSIFICATION, ROW, false, false, false},
    {"embedding",
     "{'type': 'embedding', 'units': 3, 'tokens': 7}, 'global_average_pool'",
     "'optimizer': 'adagrad'",
     TASK_CLASSIFICATION,
     {.steps = 6, .width = 1},
     false,
     true,
     false},
    {"mixture density", "{'type': 'dense', 'units': 6, 'activation': 'tanh'}",
     "'loss': {'type': 'normal', 'components': 3}", TASK_REGRESSION, ROW, false, false, false},
    {"boosted_trees", NULL, "'shuffle': false", TASK_CLASSIFICATION, ROW, false, false, false},
    {"boosted_trees of two targets", NULL, "'shuffle': false", TASK_REGRESSION, ROW, false, false,
     false},
    {"average, schedule, accumulation",
     "{'type': 'dense', 'units': 6, 'activation': 'tanh'}, {'type': 'dropout', 'rate': 0.1}",
     "'average': 0.9, 'accumulate': 3, 'clip': {'norm': 0.5}, "
     "'schedule': [{'type': 'warm_up', 'batches': 5}, 'cosine'], "
     "'parameters': [{'type': 'freeze', 'match': 'dense1.*', 'epochs': 1}]",
     TASK_CLASSIFICATION, ROW, false, false, false},
    {"branches",
     "{'type': 'branch', 'name': 'a'}, {'type': 'gru', 'units': 4}, {'type': 'branch', 'name': "
     "'b'}, {'type': 'conv1d', 'filters': 4, 'size': 2}, 'global_max_pool', 'concat'",
     "'loss': {'type': 'cross_entropy', 'reweight': true}", TASK_CLASSIFICATION, SEQUENCE, false,
     false, false},
};
#define N_CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static int64_t one_before(const struct sample_set *set, int64_t row)
{
    (void)set;
    return row % 7 > 0 ? row - 1 : -1;
}

static void set_up(struct training *training, const struct kind_case *kind)
{
    bool trees = !kind->model;
    char spec[1024];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s%s], 'metrics': ['%s'], 'train': {'batch': %d, 'epochs': %d, "
                   "'early_stopping': {'metric': 'valid.loss'}, "
                   "'checkpoint': {'batches': %d, 'epochs': 1, 'time': 0}%s%s}}",
                   trees ? "{'type': 'boosted_trees', 'depth': 3, 'subsample': 0.7, "
                           "'colsample_bynode': 0.6}"
                         : kind->model,
                   trees ? "" : ", " TAIL, kind->task == TASK_REGRESSION ? "rmse" : "accuracy",
                   trees ? TRAINING_ROWS * 3 / 4 : BATCH, trees ? 3 * EPOCHS : EPOCHS,
                   trees ? 1 : 2, *kind->train ? ", " : "", kind->train);
    begin_sequences(training, kind->task, kind->shape, kind->varies, kind->each, spec);
    if (!trees && strstr(kind->model, "stateful"))
        training->fixture.set.before = one_before;
    for (int64_t i = 0; kind->counts && i < TRAINING_ROWS * kind->shape.steps; i++)
        training->fixture.x[i] = fmod(fabs(floor(3 * training->fixture.x[i])), 7);
}

/* ---- processes --------------------------------------------------------------------------------*/

static bool write_predictions(struct training *training, struct error *error)
{
    int64_t width = training->model->n_outputs_per_row * training->fixture.set.truth_steps;
    size_t size = (size_t)(TRAINING_ROWS * width) * sizeof(double);
    double *prediction = malloc(size);
    char path[96];
    bool done;

    (void)snprintf(path, sizeof(path), "%s/predictions", training->folder);
    done = prediction &&
           model_predict(training->model, &training->fixture.set, training->fixture.row,
                         TRAINING_ROWS, prediction, NULL, error) &&
           file_replace(AT_FDCWD, path, prediction, size, error);
    free(prediction);
    return done;
}

/* The training, in a process that dies after so many moments. Whether it came to its end. */
static bool run_apart(struct training *training, enum moment when, int64_t after)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        bool done;

        moment = when;
        countdown = after;
        done = run(training) && write_predictions(training, &training->error);
        if (!done)
            (void)fprintf(stderr, "%s: %s\n", training->error.path, training->error.message);
        _exit(done ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return false;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void same_file(const struct training *a, const struct training *b, const char *name,
                      const char *what)
{
    char *data[2], path[96];
    struct error error;
    size_t size[2];

    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", i ? b->folder : a->folder, name);
        if (!file_read(AT_FDCWD, path, 1 << 24, &data[i], &size[i], &error))
            fail_msg("%s: %s", what, error.message);
    }
    if (size[0] != size[1] || memcmp(data[0], data[1], size[0]) != 0)
        fail_msg("%s: another %s after a kill", what, name);
    free(data[0]);
    free(data[1]);
}

static void check_same(const struct training *a, const struct training *b,
                       const struct kind_case *kind, uint64_t number)
{
    char what[128];

    (void)snprintf(what, sizeof(what), "%s, kill %d", kind->name, (int)number);
    same_file(a, b, "last.ckpt", what); /* which holds the best weights, too */
    same_file(a, b, "predictions", what);
    assert_same_events(a, b);
}

static int64_t draw(uint64_t number, uint64_t purpose, int64_t below)
{
    return (int64_t)random_below(2026, number, purpose, 4, (uint64_t)below);
}

/* Killed once or more, at moments that the number decides, until one process comes to the end. */
static int64_t disturb(const struct training *whole, const struct kind_case *kind, uint64_t number)
{
    struct training training;
    int64_t killed = 0;
    bool done = false;

    set_up(&training, kind);
    for (uint64_t i = 0; !done; i++) {
        enum moment when = (enum moment)draw(number, 2 * i, N_MOMENTS);
        int64_t most = when == BEFORE_STEP ? EPOCHS * 6 : EPOCHS * 5;

        done = run_apart(&training, when, i < 3 ? draw(number, 2 * i + 1, most) : -1);
        killed += !done;
        start_again(&training);
    }
    check_same(whole, &training, kind, number);
    end(&training);
    return killed;
}

static void check_kind(const struct kind_case *kind, int64_t kills, uint64_t number)
{
    struct training whole;
    int64_t killed = 0;

    set_up(&whole, kind);
    assert_true(run_apart(&whole, BEFORE_STEP, -1));
    while (killed < kills)
        killed += disturb(&whole, kind, number++);
    end(&whole);
}

static void any_kind_of_model_survives_kills_at_any_batch(void **state)
{
    const char *given = getenv("NIGHTJAR_TEST_KILLS");
    struct error error;
    bool trees = xgboost_load(&error);

    (void)state;
    if (!trees)
        print_message("without boosted trees: %s\n", error.message);
    for (int i = 0; i < N_CASES; i++)
        if (cases[i].model || trees)
            check_kind(&cases[i], given ? strtoll(given, NULL, 10) : KILLS, (uint64_t)i * 100000);
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

int main(void)
{
    struct file_system quick = file_system_real;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_kind_of_model_survives_kills_at_any_batch),
    };

    quick.fsync = quick.fdatasync = no_sync; /* of a killed process the kernel loses nothing */
    (void)file_system_use(&quick);
    /* threads of a library do not survive a fork */
    setenv("OMP_NUM_THREADS", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
