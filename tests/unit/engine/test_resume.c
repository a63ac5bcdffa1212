/* Whatever training is made of, a run that was stopped and resumed ends with the bits of one that
 * was not: over the registries of optimizers and schedules, and every feature that remembers. */
#include "tests/unit/engine/training.h"

#include "worker/engine/optimizer/optimizer.h"
#include "worker/engine/schedule/schedule.h"

#define EPOCHS 3

static void spec_of(char *spec, size_t size, const char *loss, const char *train)
{
    (void)snprintf(spec, size,
                   "{'model': [{'type': 'dense', 'units': 6, 'activation': 'tanh'},"
                   " {'type': 'dropout', 'rate': 0.2}, {'type': 'dense', 'units': 'outputs'}], "
                   "'train': {'batch': 8, 'epochs': %d, 'loss': %s%s%s}}",
                   EPOCHS, loss, *train ? ", " : "", train);
}

static void stop_and_resume(struct training *parts, int64_t at)
{
    int64_t step;

    stop_at = at;
    must_run(parts);
    assert_true(parts->result.stopped);
    step = parts->result.steps;
    start_again(parts);
    must_run(parts);
    assert_int_equal(parts->result.resumed_step, step);
    assert_false(parts->result.stopped);
}

static void same_weights(const struct training *a, const struct training *b, const char *spec)
{
    const struct network *one = (const struct network *)a->model;
    const struct network *other = (const struct network *)b->model;

    if (memcmp(one->value, other->value, (size_t)one->n_elements * sizeof(real)) != 0)
        fail_msg("other bits after a stop: %s", spec);
}

/* Stops in the middle of an epoch, at its validation, and near the end. */
static void check(enum task task, const char *loss, const char *train)
{
    struct training whole;
    char spec[1024];
    int64_t gathers;

    spec_of(spec, sizeof(spec), loss, train);
    begin(&whole, task, spec);
    must_run(&whole);
    gathers = whole.fixture.gathers;
    for (int64_t i = 0; i < 3; i++) {
        const int64_t at[] = {3, gathers / EPOCHS, gathers - 2};
        struct training parts;

        begin(&parts, task, spec);
        stop_and_resume(&parts, at[i]);
        same_weights(&whole, &parts, spec);
        assert_same_model(&whole, &parts);
        end(&parts);
    }
    end(&whole);
}

static void every_optimizer_resumes(void **state)
{
    char train[128];

    (void)state;
    for (size_t i = 0; optimizer_registry.kind[i]; i++) {
        (void)snprintf(train, sizeof(train), "'optimizer': '%s'", optimizer_registry.kind[i]->name);
        check(TASK_CLASSIFICATION, "'cross_entropy'", train);
    }
}

static void every_schedule_resumes(void **state)
{
    char train[160];

    (void)state;
    for (size_t i = 0; schedule_registry.kind[i]; i++) {
        (void)snprintf(train, sizeof(train),
                       "'optimizer': {'type': 'sgd', 'rate': 0.5}, 'schedule': ['%s', {'type': "
                       "'plateau', 'patience': 0}]",
                       schedule_registry.kind[i]->name);
        check(TASK_CLASSIFICATION, "'cross_entropy'", train);
    }
}

static void every_loss_resumes(void **state)
{
    char loss[64];

    (void)state;
    for (size_t i = 0; loss_registry.kind[i]; i++) {
        const struct loss_kind *kind = (const struct loss_kind *)loss_registry.kind[i];

        (void)snprintf(loss, sizeof(loss), "'%s'", kind->kind.name);
        check(kind->classification ? TASK_CLASSIFICATION : TASK_REGRESSION, loss, "");
    }
    check(TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'reweight': true, 'smoothing': 0.1}", "");
}

static void every_feature_resumes(void **state)
{
    static const char *const features[] = {
        "'optimizer': {'type': 'sgd', 'rate': 0.1, 'momentum': 0.9, 'nesterov': true}",
        "'optimizer': {'type': 'rmsprop', 'centered': true, 'momentum': 0.9}",
        "'accumulate': 4",
        "'parts': 3",
        "'batch_losses': 4",
        "'average': 0.9",
        "'average': 0.9, 'restore_best': false, 'accumulate': 3, 'last_batch': 'drop'",
        "'clip': {'value': 0.1, 'norm': 0.2}",
        "'optimizer': {'type': 'sgd', 'rate': 10}, 'rollback': {'times': 3, 'factor': 1e-8},"
        " 'average': 0.5",
        "'full_loss': true, 'limit': {'batches': 14}",
        "'last_batch': 'pad', 'shuffle': false",
        "'parameters': [{'type': 'freeze', 'match': 'dense1.*', 'epochs': 1}, 'l1', 'l2',"
        " {'type': 'rate', 'match': '*.bias'}], 'optimizer': 'nadam'",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        check(TASK_CLASSIFICATION, "'cross_entropy'", features[i]);
        check(TASK_REGRESSION, "'mse'", features[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimizer_resumes),
        cmocka_unit_test(every_schedule_resumes),
        cmocka_unit_test(every_loss_resumes),
        cmocka_unit_test(every_feature_resumes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
