/*
 * One walk over the candidates in order: each that fits what is free is picked. The first one that
 * does not fit but could is "first in line". Once it has been first in line for the patience, its
 * place is kept: whoever comes after it may start only if, in every resource that it uses, all that
 * runs and the kept place and itself fit together. Whatever runs then ends some day, nothing new
 * takes its place, so the first in line starts: it is overtaken for a bounded time.
 *
 * Keeping places for several at once would idle the machine for jobs that cannot start together;
 * the next one's patience begins when it comes to be the first.
 */
#include "daemon/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct usage {
    int64_t slots;
    struct scheduler_need need;
    uint64_t gpu_mask;
};

static struct usage usage_of(const struct scheduler_run *run, size_t n)
{
    struct usage usage = {0};

    for (size_t i = 0; i < n; i++) {
        usage.slots++;
        usage.need.cpus += run[i].need.cpus;
        usage.need.memory += run[i].need.memory;
        usage.need.gpus += run[i].need.gpus;
        usage.gpu_mask |= run[i].gpu_mask;
    }
    return usage;
}

static enum scheduler_obstacle obstacle_in(const struct scheduler_limits *limits,
                                           const struct usage *usage,
                                           const struct scheduler_need *need)
{
    if (need->cpus > 0 && usage->need.cpus + need->cpus > limits->cpus + SCHEDULER_CPU_TOLERANCE)
        return SCHEDULER_NO_CPUS;
    if (need->memory > 0 && usage->need.memory + need->memory > limits->memory)
        return SCHEDULER_NO_MEMORY;
    if (need->gpus > 0 && usage->need.gpus + need->gpus > limits->gpus)
        return SCHEDULER_NO_GPUS;
    if (usage->slots >= limits->slots)
        return SCHEDULER_NO_SLOT;
    return SCHEDULER_FITS;
}

static bool larger_than_machine(const struct scheduler_limits *limits,
                                const struct scheduler_need *need)
{
    return need->cpus > limits->cpus + SCHEDULER_CPU_TOLERANCE || need->memory > limits->memory ||
           need->gpus > limits->gpus;
}

static struct usage with(struct usage usage, const struct scheduler_need *need)
{
    usage.slots++;
    usage.need.cpus += need->cpus;
    usage.need.memory += need->memory;
    usage.need.gpus += need->gpus;
    return usage;
}

/* `kept` NULL: no place is kept for anybody. */
static enum scheduler_obstacle obstacle_of(const struct scheduler_limits *limits,
                                           const struct usage *usage,
                                           const struct scheduler_need *kept,
                                           const struct scheduler_need *need)
{
    enum scheduler_obstacle obstacle;
    struct usage beside;

    if (larger_than_machine(limits, need))
        return SCHEDULER_TOO_LARGE;
    obstacle = obstacle_in(limits, usage, need);
    if (obstacle != SCHEDULER_FITS || !kept)
        return obstacle;
    beside = with(*usage, kept);
    return obstacle_in(limits, &beside, need) == SCHEDULER_FITS ? SCHEDULER_FITS
                                                                : SCHEDULER_PLACE_KEPT;
}

static uint64_t take_gpus(uint64_t *used, int64_t n, int64_t total)
{
    uint64_t mask = 0;

    for (int64_t i = 0; i < total && n > 0; i++) {
        uint64_t bit = UINT64_C(1) << i;

        if (*used & bit)
            continue;
        mask |= bit;
        n--;
    }
    *used |= mask;
    return mask;
}

static int64_t patience_ms(const struct scheduler_limits *limits)
{
    return limits->patience_ms > 0 ? limits->patience_ms : SCHEDULER_PATIENCE_MS;
}

int64_t scheduler_kept(const struct scheduler_limits *limits, const struct scheduler_memory *memory,
                       int64_t now_ms)
{
    if (memory->waiting_id && now_ms - memory->waiting_since_ms >= patience_ms(limits))
        return memory->waiting_id;
    return 0;
}

struct walk {
    const struct scheduler_limits *limits;
    struct usage usage;
    struct scheduler_memory before, after;
    struct scheduler_need kept;
    bool found_first; /* in line, of those that do not fit */
    bool keeps;
    int64_t now_ms;
};

/* Waiting for a slot alone uses up no patience: nobody overtakes where no slot is free. */
static void note_first(struct walk *walk, const struct scheduler_candidate *candidate,
                       enum scheduler_obstacle obstacle)
{
    walk->found_first = true;
    if (candidate->id == walk->before.waiting_id)
        walk->after = walk->before;
    else if (obstacle != SCHEDULER_NO_SLOT)
        walk->after = (struct scheduler_memory){candidate->id, walk->now_ms};
    walk->keeps = scheduler_kept(walk->limits, &walk->after, walk->now_ms) != 0;
    walk->kept = candidate->need;
}

static bool fits(struct walk *walk, const struct scheduler_candidate *candidate)
{
    enum scheduler_obstacle obstacle =
        obstacle_of(walk->limits, &walk->usage, walk->keeps ? &walk->kept : NULL, &candidate->need);

    if (obstacle == SCHEDULER_FITS)
        return true;
    if (obstacle != SCHEDULER_TOO_LARGE && !walk->found_first)
        note_first(walk, candidate, obstacle);
    return false;
}

bool scheduler_pick(const struct scheduler_limits *limits, const struct scheduler_run *run,
                    size_t n_runs, const struct scheduler_source *source,
                    struct scheduler_memory *memory, int64_t now_ms, struct scheduler_pick *pick,
                    size_t capacity, size_t *ret_n, struct error *error)
{
    struct walk walk = {
        .limits = limits, .usage = usage_of(run, n_runs), .before = *memory, .now_ms = now_ms};
    bool skip_alike = false;
    size_t n = 0;

    while (n < capacity) {
        struct scheduler_candidate candidate;
        bool ended;

        if (walk.usage.slots >= limits->slots && walk.found_first)
            break;
        if (!source->next(source->context, skip_alike, &candidate, &ended, error))
            return false;
        if (ended)
            break;
        skip_alike = !fits(&walk, &candidate);
        if (skip_alike)
            continue;
        pick[n].id = candidate.id;
        pick[n].gpu_mask = take_gpus(&walk.usage.gpu_mask, candidate.need.gpus, limits->gpus);
        walk.usage = with(walk.usage, &candidate.need);
        n++;
    }
    *memory = walk.after;
    *ret_n = n;
    return true;
}

static void describe_size(int64_t bytes, char *text, size_t size)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t i = 0;

    while (value >= 1024 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
        value /= 1024;
        i++;
    }
    (void)snprintf(text, size, "%.4g %s", value, unit[i]);
}

static void explain_too_large(const struct scheduler_limits *limits,
                              const struct scheduler_need *need, char *text, size_t size)
{
    char asked[32], had[32];

    if (need->cpus > limits->cpus + SCHEDULER_CPU_TOLERANCE) {
        (void)snprintf(text, size,
                       "it asks for %g cpus and the machine has %g: it can never start here",
                       need->cpus, limits->cpus);
    } else if (need->memory > limits->memory) {
        describe_size(need->memory, asked, sizeof(asked));
        describe_size(limits->memory, had, sizeof(had));
        (void)snprintf(text, size,
                       "it asks for %s of memory and the machine has %s: it can never start here",
                       asked, had);
    } else {
        (void)snprintf(text, size,
                       "it asks for %" PRId64 " gpus and the machine has %" PRId64
                       ": it can never start here",
                       need->gpus, limits->gpus);
    }
}

static void explain_memory(const struct scheduler_limits *limits, const struct usage *usage,
                           const struct scheduler_need *need, char *text, size_t size)
{
    char asked[32], used[32], had[32];

    describe_size(need->memory, asked, sizeof(asked));
    describe_size(usage->need.memory, used, sizeof(used));
    describe_size(limits->memory, had, sizeof(had));
    (void)snprintf(text, size, "it needs %s of memory; %s of %s are taken", asked, used, had);
}

enum scheduler_obstacle scheduler_explain(const struct scheduler_limits *limits,
                                          const struct scheduler_run *run, size_t n_runs,
                                          const struct scheduler_need *kept, int64_t kept_id,
                                          const struct scheduler_candidate *candidate,
                                          char *ret_text, size_t size)
{
    struct usage usage = usage_of(run, n_runs);
    const struct scheduler_need *need = &candidate->need;
    bool other = kept_id && kept_id != candidate->id;
    enum scheduler_obstacle obstacle = obstacle_of(limits, &usage, other ? kept : NULL, need);

    if (!ret_text)
        return obstacle;
    switch (obstacle) {
    case SCHEDULER_FITS:
        (void)snprintf(ret_text, size, "it fits and starts next");
        break;
    case SCHEDULER_TOO_LARGE:
        explain_too_large(limits, need, ret_text, size);
        break;
    case SCHEDULER_NO_SLOT:
        (void)snprintf(ret_text, size, "all %" PRId64 " slots are taken", limits->slots);
        break;
    case SCHEDULER_NO_CPUS:
        (void)snprintf(ret_text, size, "it needs %g cpus; %g of %g are taken", need->cpus,
                       usage.need.cpus, limits->cpus);
        break;
    case SCHEDULER_NO_MEMORY:
        explain_memory(limits, &usage, need, ret_text, size);
        break;
    case SCHEDULER_NO_GPUS:
        (void)snprintf(ret_text, size,
                       "it needs %" PRId64 " gpus; %" PRId64 " of %" PRId64 " are taken",
                       need->gpus, usage.need.gpus, limits->gpus);
        break;
    case SCHEDULER_PLACE_KEPT:
        (void)snprintf(ret_text, size,
                       "experiment %" PRId64 " has waited long enough: its place is kept free",
                       kept_id);
        break;
    }
    return obstacle;
}
