/* The scheduler: a year of nights in seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "daemon/scheduler.h"

#define GIB (INT64_C(1) << 30)

#define SKIPPED_LIMIT 64

struct array {
    const struct scheduler_candidate *item;
    size_t n, i;
    bool skips; /* leaves out what is alike to one that did not fit, as the store does */
    struct scheduler_need skipped[SKIPPED_LIMIT];
    size_t n_skipped;
};

static bool is_skipped(const struct array *array, const struct scheduler_need *need)
{
    for (size_t i = 0; i < array->n_skipped; i++) {
        const struct scheduler_need *other = &array->skipped[i];

        if (other->cpus == need->cpus && other->memory == need->memory && other->gpus == need->gpus)
            return true;
    }
    return false;
}

static bool next_of_array(void *context, bool skip_alike, struct scheduler_candidate *ret_candidate,
                          bool *ret_end, struct error *error)
{
    struct array *array = context;

    (void)error;
    if (array->skips && skip_alike && array->n_skipped < SKIPPED_LIMIT)
        array->skipped[array->n_skipped++] = array->item[array->i - 1].need;
    while (array->i < array->n && is_skipped(array, &array->item[array->i].need))
        array->i++;
    *ret_end = array->i == array->n;
    if (!*ret_end)
        *ret_candidate = array->item[array->i++];
    return true;
}

static size_t pick_from(const struct scheduler_limits *limits, const struct scheduler_run *run,
                        size_t n_runs, const struct scheduler_candidate *candidate, size_t n,
                        struct scheduler_memory *memory, int64_t now_ms,
                        struct scheduler_pick pick[16])
{
    struct array array = {.item = candidate, .n = n, .skips = now_ms / 1000 % 2};
    const struct scheduler_source source = {next_of_array, &array};
    struct error error;
    size_t n_picks;

    assert_true(
        scheduler_pick(limits, run, n_runs, &source, memory, now_ms, pick, 16, &n_picks, &error));
    return n_picks;
}

static const struct scheduler_limits machine = {
    .slots = 3, .cpus = 4, .memory = 8 * GIB, .gpus = 2};

static void first_in_line_that_fits_starts(void **state)
{
    const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 2}},
                                               {.id = 2, .need = {.cpus = 4}},
                                               {.id = 3, .need = {.cpus = 2}},
                                               {.id = 4, .need = {.cpus = 0.1}}};
    struct scheduler_memory memory = {0};
    struct scheduler_pick pick[16];

    (void)state;
    assert_int_equal(pick_from(&machine, NULL, 0, line, 4, &memory, 0, pick), 2);
    assert_int_equal(pick[0].id, 1);
    assert_int_equal(pick[1].id, 3);
    assert_int_equal(memory.waiting_id, 2);
}

static void each_limit_holds(void **state)
{
    static const struct {
        struct scheduler_run run;
        struct scheduler_need need;
        bool starts;
    } cases[] = {
        {{.id = 9, .need = {.cpus = 3}}, {.cpus = 1}, true},
        {{.id = 9, .need = {.cpus = 3.5}}, {.cpus = 1}, false},
        {{.id = 9, .need = {.cpus = 1, .memory = 7 * GIB}}, {.cpus = 1, .memory = GIB}, true},
        {{.id = 9, .need = {.cpus = 1, .memory = 7 * GIB}}, {.cpus = 1, .memory = GIB + 1}, false},
        {{.id = 9, .need = {.cpus = 1, .gpus = 1}, .gpu_mask = 1}, {.cpus = 1, .gpus = 1}, true},
        {{.id = 9, .need = {.cpus = 1, .gpus = 1}, .gpu_mask = 1}, {.cpus = 1, .gpus = 2}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct scheduler_candidate candidate = {.id = 1, .need = cases[i].need};
        struct scheduler_memory memory = {0};
        struct scheduler_pick pick[16];

        assert_int_equal(pick_from(&machine, &cases[i].run, 1, &candidate, 1, &memory, 0, pick),
                         cases[i].starts);
    }
}

static void tenths_of_a_cpu_add_up(void **state)
{
    const struct scheduler_limits one = {.slots = 20, .cpus = 1};
    static const double uneven[] = {0.2, 0.4, 0.3, 0.1}; /* 1.0000000000000002 */
    struct scheduler_candidate line[11];
    struct scheduler_memory memory = {0};
    struct scheduler_pick pick[16];

    (void)state;
    for (int i = 0; i < 11; i++)
        line[i] = (struct scheduler_candidate){.id = i + 1, .need = {.cpus = 0.1}};
    assert_int_equal(pick_from(&one, NULL, 0, line, 11, &memory, 0, pick), 10);
    for (int i = 0; i < 4; i++)
        line[i].need.cpus = uneven[i];
    assert_int_equal(pick_from(&one, NULL, 0, line, 5, &memory, 0, pick), 4);
}

static void gpus_are_given_one_by_one(void **state)
{
    const struct scheduler_run run = {.id = 9, .need = {.gpus = 1}, .gpu_mask = 1};
    const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 1}},
                                               {.id = 2, .need = {.cpus = 1, .gpus = 1}}};
    struct scheduler_memory memory = {0};
    struct scheduler_pick pick[16];

    (void)state;
    assert_int_equal(pick_from(&machine, &run, 1, line, 2, &memory, 0, pick), 2);
    assert_int_equal(pick[0].gpu_mask, 0);
    assert_int_equal(pick[1].gpu_mask, 2);
}

static void too_large_is_passed_over_and_waits_for_nothing(void **state)
{
    const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 99}},
                                               {.id = 2, .need = {.cpus = 1}}};
    struct scheduler_memory memory = {0};
    struct scheduler_pick pick[16];
    char text[128];

    (void)state;
    assert_int_equal(pick_from(&machine, NULL, 0, line, 2, &memory, 0, pick), 1);
    assert_int_equal(pick[0].id, 2);
    assert_int_equal(memory.waiting_id, 0);
    assert_int_equal(scheduler_explain(&machine, NULL, 0, NULL, 0, &line[0], text, sizeof(text)),
                     SCHEDULER_TOO_LARGE);
    assert_non_null(strstr(text, "99 cpus and the machine has 4"));
}

static void overtaking_ends_with_the_patience(void **state)
{
    const struct scheduler_run run = {.id = 9, .need = {.cpus = 1}};
    const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 4}},
                                               {.id = 2, .need = {.cpus = 1}}};
    struct scheduler_memory memory = {0};
    struct scheduler_pick pick[16];
    char text[128];

    (void)state;
    assert_int_equal(pick_from(&machine, &run, 1, line, 2, &memory, 1000, pick), 1);
    assert_int_equal(memory.waiting_since_ms, 1000);
    assert_int_equal(
        pick_from(&machine, &run, 1, line, 2, &memory, 999 + SCHEDULER_PATIENCE_MS, pick), 1);
    assert_int_equal(
        pick_from(&machine, &run, 1, line, 2, &memory, 1000 + SCHEDULER_PATIENCE_MS, pick), 0);
    assert_int_equal(
        scheduler_explain(&machine, &run, 1, &line[0].need, 1, &line[1], text, sizeof(text)),
        SCHEDULER_PLACE_KEPT);
    /* the running one ends: the first in line starts at last */
    assert_int_equal(
        pick_from(&machine, NULL, 0, line, 2, &memory, 1001 + SCHEDULER_PATIENCE_MS, pick), 1);
    assert_int_equal(pick[0].id, 1);
}

static void kept_place_does_not_idle_what_it_does_not_use(void **state)
{
    const struct scheduler_run run = {.id = 9, .need = {.cpus = 0.5, .gpus = 2}, .gpu_mask = 3};
    const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 1, .gpus = 1}},
                                               {.id = 2, .need = {.cpus = 1}}};
    struct scheduler_memory memory = {.waiting_id = 1, .waiting_since_ms = 0};
    struct scheduler_pick pick[16];

    (void)state;
    assert_int_equal(
        pick_from(&machine, &run, 1, line, 2, &memory, 2 * SCHEDULER_PATIENCE_MS, pick), 1);
    assert_int_equal(pick[0].id, 2);
}

static void waiting_for_a_slot_uses_up_no_patience(void **state)
{
    const struct scheduler_limits one = {.slots = 1, .cpus = 4};
    const struct scheduler_run run = {.id = 9, .need = {.cpus = 1}};
    const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 2}}};
    struct scheduler_memory memory = {0};
    struct scheduler_pick pick[16];
    char text[128];

    (void)state;
    assert_int_equal(pick_from(&one, &run, 1, line, 1, &memory, 5, pick), 0);
    assert_int_equal(memory.waiting_id, 0);
    assert_int_equal(scheduler_explain(&one, &run, 1, NULL, 0, &line[0], text, sizeof(text)),
                     SCHEDULER_NO_SLOT);
    assert_string_equal(text, "all 1 slots are taken");
}

/* ---- a year ---- */

#define JOBS 8000
#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)
#define LONGEST_MS (INT64_C(8) * 3600 * 1000)

struct job {
    struct scheduler_candidate candidate;
    int64_t arrives_ms, takes_ms;
    int failures; /* how often it will fail before it is done */
    int attempts;
};

struct world {
    struct job *job;
    struct scheduler_limits limits; /* slots are set anew now and then */
    struct scheduler_candidate waiting[JOBS];
    size_t n_waiting;
    int64_t due_ms[JOBS]; /* by job: when its next attempt is due; 0: none is put off */
    size_t n_put_off;
    struct scheduler_run running[64];
    int64_t ends_ms[64];
    size_t n_running, n_arrived, n_done;
    struct scheduler_memory memory;
    int64_t now_ms;
    int64_t first_id, first_since_ms; /* who is first in line, and since when */
    int64_t waits_beyond_patience, places_kept, retries, restarts, cancelled;
    size_t step;
};

static uint64_t seed;

static double draw(size_t i, const char *what)
{
    return random_uniform(seed, i, 0, random_purpose("test", what));
}

/* Bursts of arrivals, sizes from a tenth of a cpu to the whole machine, times from a second to
 * eight hours. */
static void make_jobs(struct job *job)
{
    int64_t at_ms = 0;

    for (size_t i = 0; i < JOBS; i++) {
        double size = draw(i, "size");

        if (draw(i, "burst") < 0.01)
            at_ms += (int64_t)(draw(i, "gap") * 2 * 100 * ((double)YEAR_MS / JOBS));
        job[i] = (struct job){.arrives_ms = at_ms};
        job[i].takes_ms = 1000 + (int64_t)((double)LONGEST_MS * draw(i, "time") * draw(i, "time2") *
                                           draw(i, "time3"));
        job[i].candidate =
            (struct scheduler_candidate){.id = (int64_t)i + 1,
                                         .priority = (int64_t)(draw(i, "priority") * 3),
                                         .need = {.cpus = size < 0.03  ? 4
                                                          : size < 0.3 ? 2
                                                                       : 0.1 + 0.9 * size}};
        if (draw(i, "fails") < 0.3)
            job[i].failures = 1 + (int)(draw(i, "failures") * 4);
        if (draw(i, "gpu") < 0.2)
            job[i].candidate.need.gpus = 1 + (draw(i, "gpu2") < 0.1);
        if (draw(i, "memory") < 0.5)
            job[i].candidate.need.memory = (int64_t)(draw(i, "memory2") * (double)(8 * GIB));
    }
}

static bool stands_before(const struct scheduler_candidate *a, const struct scheduler_candidate *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static void line_up(struct world *world, struct scheduler_candidate candidate)
{
    size_t i = world->n_waiting++;

    while (i > 0 && stands_before(&candidate, &world->waiting[i - 1])) {
        world->waiting[i] = world->waiting[i - 1];
        i--;
    }
    world->waiting[i] = candidate;
}

static void leave_line(struct world *world, size_t i)
{
    memmove(&world->waiting[i], &world->waiting[i + 1],
            (world->n_waiting - i - 1) * sizeof(world->waiting[0]));
    world->n_waiting--;
}

static void arrive(struct world *world)
{
    while (world->n_arrived < JOBS && world->job[world->n_arrived].arrives_ms <= world->now_ms)
        line_up(world, world->job[world->n_arrived++].candidate);
    for (size_t i = 0; i < world->n_arrived && world->n_put_off > 0; i++) {
        if (world->due_ms[i] == 0 || world->due_ms[i] > world->now_ms)
            continue;
        world->due_ms[i] = 0;
        world->n_put_off--;
        line_up(world, world->job[i].candidate);
    }
}

/* A failure is tried again after a while that doubles. */
static void end_run(struct world *world, int64_t id)
{
    struct job *job = &world->job[id - 1];

    if (job->attempts++ >= job->failures) {
        world->n_done++;
        return;
    }
    world->due_ms[id - 1] = world->now_ms + (INT64_C(60000) << job->attempts);
    world->n_put_off++;
    world->retries++;
}

static void end_runs(struct world *world)
{
    for (size_t i = 0; i < world->n_running;) {
        if (world->ends_ms[i] > world->now_ms) {
            i++;
            continue;
        }
        end_run(world, world->running[i].id);
        world->n_running--;
        world->running[i] = world->running[world->n_running];
        world->ends_ms[i] = world->ends_ms[world->n_running];
    }
}

/* What happens to a queue in a year: other slots, a daemon that is restarted and remembers nothing
 * of who waited, somebody who gives up. */
static void meddle(struct world *world)
{
    size_t step = world->step++;

    if (draw(step, "slots") < 0.01)
        world->limits.slots = 1 + (int64_t)(draw(step, "how many") * (double)machine.slots);
    if (draw(step, "restart") < 0.01) {
        world->memory = (struct scheduler_memory){0};
        world->first_id = 0;
        world->restarts++;
    }
    if (world->n_waiting > 0 && draw(step, "cancel") < 0.01) {
        leave_line(world, (size_t)(draw(step, "which") * (double)world->n_waiting));
        world->n_done++;
        world->cancelled++;
    }
}

static void start_picks(struct world *world, const struct scheduler_pick *pick, size_t n)
{
    for (size_t p = 0; p < n; p++) {
        size_t i = 0;

        while (world->waiting[i].id != pick[p].id)
            i++;
        world->running[world->n_running] = (struct scheduler_run){
            .id = pick[p].id, .need = world->waiting[i].need, .gpu_mask = pick[p].gpu_mask};
        world->ends_ms[world->n_running++] = world->now_ms + world->job[pick[p].id - 1].takes_ms;
        leave_line(world, i);
    }
}

/* With fewer slots than before those that run may be too many; but none is started then. */
static void check_limits(const struct world *world, size_t n_started)
{
    struct scheduler_need sum = {0};
    uint64_t mask = 0;

    for (size_t i = 0; i < world->n_running; i++) {
        sum.cpus += world->running[i].need.cpus;
        sum.memory += world->running[i].need.memory;
        sum.gpus += world->running[i].need.gpus;
        assert_int_equal(mask & world->running[i].gpu_mask, 0);
        assert_int_equal(__builtin_popcountll(world->running[i].gpu_mask),
                         world->running[i].need.gpus);
        mask |= world->running[i].gpu_mask;
    }
    assert_true(world->n_running <= (size_t)machine.slots);
    assert_true(n_started == 0 || world->n_running <= (size_t)world->limits.slots);
    assert_true(sum.cpus <= machine.cpus + 1e-6);
    assert_true(sum.memory <= machine.memory);
    assert_true(sum.gpus <= machine.gpus);
}

static bool has_room(const struct world *world, const struct scheduler_need *kept,
                     const struct scheduler_need *need)
{
    const struct scheduler_limits *limits = &world->limits;
    struct scheduler_need sum = *kept;

    for (size_t i = 0; i < world->n_running; i++) {
        sum.cpus += world->running[i].need.cpus;
        sum.memory += world->running[i].need.memory;
        sum.gpus += world->running[i].need.gpus;
    }
    return sum.cpus + need->cpus <= limits->cpus &&
           (!need->memory || sum.memory + need->memory <= limits->memory) &&
           (!need->gpus || sum.gpus + need->gpus <= limits->gpus);
}

/* Whatever still waits does not fit; or would take the place of the first in line, once that one's
 * patience is at its end. In the test's own sums, so that the scheduler cannot agree with itself.
 */
static void check_nothing_idle(struct world *world)
{
    const struct scheduler_need none = {0};
    bool patient = world->now_ms - world->first_since_ms < SCHEDULER_PATIENCE_MS;

    for (size_t i = 0; i < world->n_waiting; i++) {
        const struct scheduler_need *need = &world->waiting[i].need;
        size_t n_slots = world->n_running + 1;

        if (n_slots > (size_t)world->limits.slots || !has_room(world, &none, need))
            continue;
        assert_false(patient || i == 0);
        assert_true(n_slots + 1 > (size_t)world->limits.slots ||
                    !has_room(world, &world->waiting[0].need, need));
        world->places_kept++;
    }
}

/* Once first in line it starts after the patience and the longest run, or two where it had to wait
 * for a slot before; unless one of a higher priority comes to stand before it. */
static void check_no_starvation(struct world *world)
{
    int64_t first = world->n_waiting ? world->waiting[0].id : 0;

    if (first != world->first_id) {
        world->first_id = first;
        world->first_since_ms = world->now_ms;
    }
    if (!first)
        return;
    assert_true(world->now_ms - world->first_since_ms <= SCHEDULER_PATIENCE_MS + 2 * LONGEST_MS);
    if (world->now_ms - world->first_since_ms > SCHEDULER_PATIENCE_MS)
        world->waits_beyond_patience++;
}

static int64_t next_moment(const struct world *world)
{
    int64_t next = INT64_MAX;

    if (world->n_arrived < JOBS)
        next = world->job[world->n_arrived].arrives_ms;
    for (size_t i = 0; i < world->n_running; i++)
        next = world->ends_ms[i] < next ? world->ends_ms[i] : next;
    for (size_t i = 0; i < world->n_arrived && world->n_put_off > 0; i++)
        next = world->due_ms[i] && world->due_ms[i] < next ? world->due_ms[i] : next;
    return next;
}

static void live_through(struct world *world)
{
    while (world->n_done < JOBS) {
        struct scheduler_pick pick[16];
        size_t n;

        world->now_ms = next_moment(world);
        assert_true(world->now_ms < INT64_MAX);
        end_runs(world);
        arrive(world);
        meddle(world);
        n = pick_from(&world->limits, world->running, world->n_running, world->waiting,
                      world->n_waiting, &world->memory, world->now_ms, pick);
        start_picks(world, pick, n);
        check_limits(world, n);
        check_no_starvation(world);
        check_nothing_idle(world);
    }
}

static void years_of_nights_keep_every_promise(void **state)
{
    (void)state;
    for (seed = 11; seed < 14; seed++) {
        struct job *job = calloc(JOBS, sizeof(*job));
        struct world *world = calloc(1, sizeof(*world));

        assert_true(job && world);
        make_jobs(job);
        world->job = job;
        world->limits = machine;
        live_through(world);
        assert_true(world->now_ms > YEAR_MS / 2);
        /* the hard cases did happen */
        assert_true(world->waits_beyond_patience > 10 && world->places_kept > 10 &&
                    world->retries > 1000 && world->restarts > 10 && world->cancelled > 10);
        free(world);
        free(job);
    }
}

/* A stream of small ones for ever must not keep a big one out. */
static void stream_of_small_ones_does_not_starve_a_big_one(void **state)
{
    struct scheduler_memory memory = {0};
    struct scheduler_run running[3] = {{.id = 100, .need = {.cpus = 1}},
                                       {.id = 101, .need = {.cpus = 1}},
                                       {.id = 102, .need = {.cpus = 1}}};
    const int64_t lasts_ms = 60000;

    (void)state;
    for (int64_t now_ms = 0, id = 200; now_ms < 2 * SCHEDULER_PATIENCE_MS; now_ms += 20000) {
        const struct scheduler_candidate line[] = {{.id = 1, .need = {.cpus = 4}},
                                                   {.id = id, .need = {.cpus = 1}}};
        int which = (int)(now_ms / 20000 % 3);
        struct scheduler_run still[3];
        struct scheduler_pick pick[16];
        size_t n_still = 0, n;

        running[which].id = 0; /* it ends: one every 20 s, each lasts a minute */
        for (int i = 0; i < 3; i++) {
            if (running[i].id)
                still[n_still++] = running[i];
        }
        n = pick_from(&machine, still, n_still, line, 2, &memory, now_ms, pick);
        if (n && pick[0].id == 1) {
            assert_in_range(now_ms, SCHEDULER_PATIENCE_MS, SCHEDULER_PATIENCE_MS + lasts_ms);
            return;
        }
        if (n)
            running[which].id = id++;
    }
    fail_msg("the big one never started");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_line_that_fits_starts),
        cmocka_unit_test(each_limit_holds),
        cmocka_unit_test(tenths_of_a_cpu_add_up),
        cmocka_unit_test(gpus_are_given_one_by_one),
        cmocka_unit_test(too_large_is_passed_over_and_waits_for_nothing),
        cmocka_unit_test(overtaking_ends_with_the_patience),
        cmocka_unit_test(kept_place_does_not_idle_what_it_does_not_use),
        cmocka_unit_test(waiting_for_a_slot_uses_up_no_patience),
        cmocka_unit_test(years_of_nights_keep_every_promise),
        cmocka_unit_test(stream_of_small_ones_does_not_starve_a_big_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
