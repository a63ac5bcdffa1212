/* What a report finds of swept parameters: of noise alone nothing, and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "common/random.h"
#include "daemon/report/interval.h"
#include "daemon/report/summary.h"
#include "tests/support/near.h"

#include <math.h>

#define GROUPS_MOST 60
#define REPLICATES_MOST 4
#define BATCHES 2000
#define SEED 20261128

/* A summary of which each configuration's parameters are numbers. */
struct made {
    struct summary summary;
    struct summary_group group[GROUPS_MOST];
    double value[GROUPS_MOST][REPLICATES_MOST];
};

static void add_configuration(struct made *made, double a, double b, size_t replicates)
{
    size_t i = made->summary.n++;
    struct summary_group *group = &made->group[i];

    *group = (struct summary_group){.parameters = cJSON_CreateObject(),
                                    .marks = cJSON_CreateArray(),
                                    .value = made->value[i],
                                    .n = replicates};
    assert_non_null(cJSON_AddNumberToObject(group->parameters, "a", a));
    if (!isnan(b))
        assert_non_null(cJSON_AddNumberToObject(group->parameters, "b", b));
    made->summary.group = made->group;
    made->summary.metric = (struct report_metric){.name = "loss", .minimize = true};
}

static void forget(struct made *made)
{
    for (size_t i = 0; i < made->summary.n; i++) {
        json_free(&made->group[i].parameters);
        json_free(&made->group[i].marks);
    }
    made->summary.n = 0;
}

/* The sentence about `name`, or "". Borrowed until the next. */
static const char *finding_about(const struct made *made, const char *name)
{
    static char text[512];
    scoped(json_free) cJSON *list = cJSON_CreateArray();
    const cJSON *item;
    struct error error;

    assert_true(summary_find(&made->summary, list, &error));
    text[0] = '\0';
    cJSON_ArrayForEach(item, list)
    {
        if (item->valuestring[0] == name[0])
            (void)snprintf(text, sizeof(text), "%s", item->valuestring);
    }
    return text;
}

static bool is_found(const struct made *made, const char *name)
{
    return strstr(finding_about(made, name), "is better than") != NULL;
}

static double noise(uint64_t batch, size_t i, size_t j)
{
    return random_normal(SEED, i * REPLICATES_MOST + j, batch, 1);
}

/* Student's t at 1 - 0.025 / (k (k - 1) / 2), by integration of the density. */
static void limit_is_students_at_a_share_for_each_pair(void **state)
{
    (void)state;
    assert_near(interval_of_pairs(10, 2), interval_t(10), 1e-12);
    assert_near(interval_of_pairs(10, 3), 2.870, 1e-3);
    assert_near(interval_of_pairs(24, 12), 3.856, 1e-3);
    assert_near(interval_of_pairs(9, 20), 5.789, 1e-3);
}

/* Share of batches of k settings and r replicates, all of one distribution, with a finding. */
static double found_in_grids(size_t k, size_t r)
{
    struct made made = {0};
    size_t found = 0;

    for (size_t i = 0; i < k; i++)
        add_configuration(&made, (double)i, NAN, r);
    for (uint64_t batch = 0; batch < BATCHES; batch++) {
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < r; j++)
                made.value[i][j] = noise(batch, i, j);
        found += is_found(&made, "a");
    }
    forget(&made);
    return (double)found / BATCHES;
}

static void noise_is_found_in_few_grids_whatever_their_size(void **state)
{
    static const size_t settings[] = {2, 3, 5, 12, 20};

    (void)state;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        for (size_t r = 2; r <= 3; r++) {
            double share = found_in_grids(settings[i], r);

            /* 0.05, and three deviations of a share of 2000 */
            if (!(share > 0.005 && share < 0.065))
                fail_msg("%zu settings of %zu replicates: found in %g", settings[i], r, share);
        }
    }
}

/* Draws: `a` matters much, `b` is one of three that do nothing; replicates are nearly alike. */
static void parameter_that_is_never_read_is_found_in_few_draws(void **state)
{
    size_t found = 0;

    (void)state;
    for (uint64_t batch = 0; batch < BATCHES; batch++) {
        struct made made = {0};

        for (size_t i = 0; i < 12; i++) {
            add_configuration(&made, noise(batch, i, 2), (double)random_below(SEED, i, batch, 2, 3),
                              2);
            for (size_t j = 0; j < 2; j++)
                made.value[i][j] = noise(batch, i, 2) + 0.001 * noise(batch, i, j);
        }
        found += is_found(&made, "b");
        forget(&made);
    }
    if (!(found < 0.065 * BATCHES))
        fail_msg("found in %zu of %d", found, BATCHES);
}

/* One setting of each is no comparison. */
static void range_that_is_drawn_from_finds_nothing(void **state)
{
    struct made made = {0};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        add_configuration(&made, (double)i, (double)i, 2);
        made.value[i][0] = (double)(i * i);
        made.value[i][1] = made.value[i][0] + 0.001;
    }
    assert_string_equal(finding_about(&made, "b"), "");
    forget(&made);
}

/* a=0: 1 and 2, a=1: 5 and 6; s = sqrt 0.5, its error sqrt(0.5 (1/2 + 1/2)); 4 / 0.7071. */
static void configuration_counts_once_outside_of_a_full_grid(void **state)
{
    struct made made = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        add_configuration(&made, i < 2 ? 0 : 1, (double)i, 3);
        for (size_t j = 0; j < 3; j++)
            made.value[i][j] = (double)(i < 2 ? 1 + i : 3 + i) + 0.01 * ((double)j - 1);
    }
    assert_string_equal(finding_about(&made, "a"),
                        "a: loss 0 (1.5, n=2) is better than 1 (5.5, n=2): they differ by 4, 5.7 "
                        "standard errors");
    forget(&made);
}

/* Of three equal values no rounding is left. */
static void replicates_that_are_the_same_have_no_error(void **state)
{
    struct made made = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        add_configuration(&made, (double)i, NAN, 3);
        for (size_t j = 0; j < 3; j++)
            made.value[i][j] = 0.1 + 0.2 * (double)i;
    }
    assert_string_equal(finding_about(&made, "a"),
                        "a: loss 0 (0.1, n=3) is better than 1 (0.3, n=3): they differ by 0.2, and "
                        "replicates not at all");
    forget(&made);
}

/* What it tried depends on what was good: means are no comparison, the best ones are a fact. */
static void method_that_learns_is_told_where_it_looked(void **state)
{
    struct made made = {0};

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        add_configuration(&made, i < 6 ? 0 : i < 8 ? 1 : 2, (double)i, 1);
        made.value[i][0] = i < 6 ? 1 + (double)i : 100 * (double)(9 - i);
    }
    made.summary.learner = "tpe";
    assert_string_equal(finding_about(&made, "a"),
                        "a: where tpe looked, the best loss was 1 with 0 (n=6), and 100 with 2 "
                        "(n=1)");
    forget(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_is_students_at_a_share_for_each_pair),
        cmocka_unit_test(noise_is_found_in_few_grids_whatever_their_size),
        cmocka_unit_test(parameter_that_is_never_read_is_found_in_few_draws),
        cmocka_unit_test(range_that_is_drawn_from_finds_nothing),
        cmocka_unit_test(configuration_counts_once_outside_of_a_full_grid),
        cmocka_unit_test(replicates_that_are_the_same_have_no_error),
        cmocka_unit_test(method_that_learns_is_told_where_it_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
