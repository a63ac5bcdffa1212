/* Optimizers beyond their golden steps: over the registry, and what is refused. */
#include "tests/unit/engine/fixture.h"

#include "worker/engine/optimizer/optimizer.h"

#define N 37

static void *default_config(const struct kind *kind)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    void *config = calloc(1, kind->config_size + 1);

    assert_non_null(config);
    assert_true(settings_parse(kind->settings, NULL, "", config, &diagnostics));
    return config;
}

struct bowl { /* sum of i x^2 / 2, from x = 1 everywhere */
    real value[N], gradient[N], moment[OPTIMIZER_MOMENTS_MAX][N];
};

static double descend(const struct optimizer_kind *kind, const void *config, struct bowl *bowl,
                      uint64_t steps)
{
    struct optimizer_memory memory = {0};
    struct optimizer_step step = {.kernel = kernel_pick(),
                                  .value = bowl->value,
                                  .gradient = bowl->gradient,
                                  .n = N,
                                  .memory = &memory,
                                  .rate_scale = 1};
    double height = 0;

    for (int i = 0; i < OPTIMIZER_MOMENTS_MAX; i++)
        step.moment[i] = bowl->moment[i];
    for (int i = 0; i < N; i++)
        bowl->value[i] = 1;
    for (memory.updates = 1; memory.updates <= (int64_t)steps; memory.updates++) {
        if (kind->begin)
            kind->begin(config, &memory);
        for (int i = 0; i < N; i++)
            bowl->gradient[i] = (real)(i + 1) * bowl->value[i] / N;
        kind->step(config, &step);
        for (int i = 0; i < N; i++)
            assert_true(bowl->gradient[i] == 0);
    }
    for (int i = 0; i < N; i++)
        height += (i + 1) * (double)bowl->value[i] * (double)bowl->value[i] / 2 / N;
    return height;
}

static void every_optimizer_goes_downhill_and_clears_the_gradient(void **state)
{
    (void)state;
    for (size_t i = 0; optimizer_registry.kind[i]; i++) {
        const struct optimizer_kind *kind =
            (const struct optimizer_kind *)optimizer_registry.kind[i];
        scoped(memory_free) void *config = default_config(&kind->kind);
        struct bowl bowl = {0};
        double before = descend(kind, config, &bowl, 0);
        double after = descend(kind, config, &bowl, 200);

        assert_in_range(kind->moments(config), 0, OPTIMIZER_MOMENTS_MAX);
        assert_true(after < 0.8 * before);
        for (int k = kind->moments(config); k < OPTIMIZER_MOMENTS_MAX; k++)
            for (int e = 0; e < N; e++)
                assert_true(bowl.moment[k][e] == 0); /* what it did not ask for is not touched */
    }
}

static void scaled_rate_moves_less(void **state)
{
    const struct optimizer_kind *sgd =
        (const struct optimizer_kind *)kind_find(&optimizer_registry, "sgd");
    scoped(memory_free) void *config = default_config(&sgd->kind);
    real value[2] = {1, 1}, gradient[2];
    struct optimizer_memory memory = {.updates = 1};
    struct optimizer_step step = {
        .kernel = kernel_pick(), .gradient = gradient, .n = 1, .memory = &memory};

    (void)state;
    for (int i = 0; i < 2; i++) {
        gradient[0] = 1;
        step.value = &value[i];
        step.rate_scale = i == 0 ? 1 : 0.5;
        sgd->step(config, &step);
    }
    assert_true(fabs(1 - (double)value[0] - 0.01) < 1e-7);
    assert_true(fabs(1 - (double)value[1] - 0.005) < 1e-7);
}

static void assert_diagnosed(const char *optimizer, const char *path, const char *message)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;
    struct train_config config = {0};
    struct error error;
    char text[256];

    (void)snprintf(text, sizeof(text), "{\"optimizer\": %s}", optimizer);
    assert_true(json_parse(text, strlen(text), &json, &error));
    assert_false(settings_parse(train_settings, json, "train", &config, &diagnostics));
    assert_int_equal(diagnostics.n, 1);
    assert_string_equal(diagnostics.item[0].path, path);
    if (!strstr(diagnostics.item[0].message, message))
        fail_msg("%s", diagnostics.item[0].message);
    settings_release(train_settings, &config);
}

static void settings_out_of_range_are_named(void **state)
{
    (void)state;
    assert_diagnosed("{\"type\": \"adam\", \"rate\": -1}", "train.optimizer.rate", "-1 is outside");
    assert_diagnosed("{\"type\": \"adam\", \"beta2\": 1}", "train.optimizer.beta2",
                     "1 is outside [0, 1)");
    assert_diagnosed("{\"type\": \"sgd\", \"nesterov\": true}", "train.optimizer",
                     "nesterov needs a momentum above 0");
    assert_diagnosed("\"adamm\"", "train.optimizer", "adam");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimizer_goes_downhill_and_clears_the_gradient),
        cmocka_unit_test(scaled_rate_moves_less),
        cmocka_unit_test(settings_out_of_range_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
