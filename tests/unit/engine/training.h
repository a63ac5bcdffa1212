/* A training in a folder of its own, and what it reported: for the tests of the trainer. */
#ifndef NIGHTJAR_TESTS_UNIT_ENGINE_TRAINING_H
#define NIGHTJAR_TESTS_UNIT_ENGINE_TRAINING_H

#include "tests/unit/engine/fixture.h"

#include <fcntl.h>

#include "common/file.h"
#include "worker/engine/model/network.h"
#include "worker/engine/report.h"

#define TRAINING_ROWS 60
#define TRAINING_WIDTH 5
#define TRAINING_CLASSES 3

static volatile sig_atomic_t stop;
static int64_t stop_at; /* the gather at which the stop flag is set; 0: never */

static inline void count_gathers(struct fixture *fixture)
{
    if (stop_at > 0 && fixture->gathers == stop_at)
        stop = 1;
}

struct training {
    struct fixture fixture;
    struct model *model;
    struct train_context context;
    struct train_result result;
    struct error error;
    char folder[64];
    char events[96];
};

static inline void begin_sequences(struct training *training, enum task task, struct shape shape,
                                   bool varies, bool each, const char *spec)
{
    struct error error;

    *training = (struct training){.folder = "/tmp/nightjar-train-XXXXXX"};
    assert_non_null(mkdtemp(training->folder));
    (void)snprintf(training->events, sizeof(training->events), "%s/events", training->folder);
    setenv("NIGHTJAR_EVENTS", training->events, 1);
    assert_true(report_start(&error));
    fixture_set_up_sequences(&training->fixture, task, TRAINING_ROWS, shape,
                             task == TASK_REGRESSION ? 2 : TRAINING_CLASSES);
    training->fixture.input.varies = varies;
    training->fixture.on_gather = count_gathers;
    if (each)
        fixture_tell_each_step(&training->fixture);
    fixture_parse(&training->fixture, spec);
    fixture_suit_loss(&training->fixture);
    training->model = fixture_build(&training->fixture);
    training->context = (struct train_context){.seed = 5,
                                               .checkpoint_folder = training->folder,
                                               .configuration = 42,
                                               .metrics = &training->fixture.spec.metrics,
                                               .stop = &stop};
    stop = 0;
    stop_at = 0;
}

static inline void begin(struct training *training, enum task task, const char *spec)
{
    begin_sequences(training, task, (struct shape){.steps = 1, .width = TRAINING_WIDTH}, false,
                    false, spec);
}

static inline bool run(struct training *training)
{
    return train_model(training->model, &training->fixture.set, &training->fixture.split,
                       &training->fixture.spec.train, &training->context, &training->result,
                       &training->error);
}

static inline void must_run(struct training *training)
{
    if (!run(training))
        fail_msg("%s: %s", training->error.path, training->error.message);
}

/* As another process would find things: the model is new, the folder is not. */
static inline void start_again(struct training *training)
{
    model_free(&training->model);
    training->model = fixture_build(&training->fixture);
    training->fixture.gathers = 0;
    stop = 0;
    stop_at = 0;
}

static inline void end(struct training *training)
{
    struct error error;

    report_stop();
    unsetenv("NIGHTJAR_EVENTS");
    model_free(&training->model);
    fixture_tear_down(&training->fixture);
    assert_true(file_remove_tree(AT_FDCWD, training->folder, &error));
}

/* ---- what was reported ---- */

/* The last line that holds all three texts; NULL: none. Freed by the caller. */
static inline char *find_event(const struct training *training, const char *a, const char *b,
                               const char *c)
{
    struct error error;
    char *data, *found = NULL, *rest, *line;
    size_t size;

    assert_true(file_read(AT_FDCWD, training->events, 1 << 24, &data, &size, &error));
    rest = data;
    while ((line = strsep(&rest, "\n")))
        if (strstr(line, a) && strstr(line, b) && strstr(line, c)) {
            free(found);
            found = strdup(line);
        }
    free(data);
    return found;
}

static inline void assert_reported(const struct training *training, const char *a, const char *b,
                                   const char *c)
{
    char *line = find_event(training, a, b, c);

    if (!line)
        fail_msg("no event with %s, %s, %s", a, b, c);
    free(line);
}

static inline void assert_not_reported(const struct training *training, const char *a,
                                       const char *b)
{
    char *line = find_event(training, a, b, "");

    if (line)
        fail_msg("%s", line);
}

static inline void assert_same_events(const struct training *a, const struct training *b)
{
    static const char *const names[] = {"\"train.loss\"", "\"valid.loss\"", "\"valid.accuracy\"",
                                        "\"valid.rmse\""};
    char step[32];
    int found = 0;

    for (int epoch = 1; epoch <= 5; epoch++)
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            char *one, *other;

            (void)snprintf(step, sizeof(step), "\"step\":%d", epoch);
            one = find_event(a, "metric", names[i], step);
            other = find_event(b, "metric", names[i], step);
            assert_int_equal(!one, !other);
            if (one)
                assert_string_equal(one, other);
            found += one != NULL;
            free(one);
            free(other);
        }
    assert_true(found >= 6);
}

static inline void assert_same_model(const struct training *a, const struct training *b)
{
    const struct network *one = (const struct network *)a->model;
    const struct network *other = (const struct network *)b->model;

    assert_memory_equal(one->value, other->value, (size_t)one->n_elements * sizeof(real));
    assert_memory_equal(&a->result.best_value, &b->result.best_value, sizeof(double));
    assert_memory_equal(&a->result.train_loss, &b->result.train_loss, sizeof(double));
    assert_memory_equal(&a->result.valid_loss, &b->result.valid_loss, sizeof(double));
    assert_int_equal(a->result.best_epoch, b->result.best_epoch);
    assert_int_equal(a->result.steps, b->result.steps);
    assert_int_equal(a->result.epochs, b->result.epochs);
}

#endif
