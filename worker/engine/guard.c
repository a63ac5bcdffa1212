#include "worker/engine/guard.h"

#include <inttypes.h>
#include <math.h>

#include "worker/engine/report.h"

#define DIVERGED 2     /* times the best loss, and above the first one */
#define STUCK_EPOCHS 5 /* without any change to speak of */
#define STUCK_CHANGE 1e-7
#define SWING 0.05       /* of the loss, from epoch to epoch */
#define OVERFIT 1.5      /* times the best validation loss */
#define TOO_GOOD 0.1     /* of the training loss, on rows that nobody trained on */
#define TOO_GOOD_ROWS 30 /* fewer may be good by chance */
#define STILL_FALLING 0.02

static double back(const struct guard_memory *memory, int64_t epochs)
{
    return memory->loss[(memory->epochs - 1 - epochs) % GUARD_MEMORY];
}

/* Whether the loss went up and down, up and down, by more than a little. */
static bool oscillates(const struct guard_memory *memory)
{
    if (memory->epochs < GUARD_MEMORY)
        return false;
    for (int i = 0; i + 2 < GUARD_MEMORY; i++) {
        double now = back(memory, i) - back(memory, i + 1);
        double before = back(memory, i + 1) - back(memory, i + 2);

        if (!(now * before < 0) || fabs(now) < SWING * fabs(back(memory, i)))
            return false;
    }
    return true;
}

static bool stands_still(const struct guard_memory *memory)
{
    if (memory->epochs < STUCK_EPOCHS)
        return false;
    for (int i = 1; i < STUCK_EPOCHS; i++)
        if (fabs(back(memory, i) - back(memory, 0)) > STUCK_CHANGE * fabs(back(memory, 0)))
            return false;
    return true;
}

static bool once(struct guard_memory *memory, enum guard_told what)
{
    bool first = !(memory->told & what);

    memory->told |= what;
    return first;
}

static void remember(struct guard_memory *memory, double train_loss)
{
    memory->loss[memory->epochs % GUARD_MEMORY] = train_loss;
    if (memory->epochs++ == 0)
        memory->first = memory->best = train_loss;
    memory->best = fmin(memory->best, train_loss);
}

bool guard_is_worse(const struct guard_memory *memory, double train_loss, double times)
{
    double best = memory->best;

    if (best > 0)
        return train_loss > times * best;
    return train_loss > best + (times - 1) * fmax(-best, 1);
}

static bool watch_training(struct guard_memory *memory, double train_loss, bool *ret_serious,
                           struct error *error)
{
    if (guard_is_worse(memory, train_loss, DIVERGED) && train_loss > memory->first &&
        once(memory, GUARD_DIVERGENCE)) {
        *ret_serious = true;
        if (!report_warning("train.loss", train_loss, error,
                            "training diverges: the loss of epoch %" PRId64
                            " is %.4g, after %.4g at best; a lower rate may help",
                            memory->epochs, train_loss, memory->best))
            return false;
    }
    if (stands_still(memory) && once(memory, GUARD_STUCK)) {
        *ret_serious = true;
        if (!report_warning("train.loss", train_loss, error,
                            "the loss has not changed for %d epochs: nothing is learnt",
                            STUCK_EPOCHS))
            return false;
    }
    if (oscillates(memory) && once(memory, GUARD_OSCILLATION))
        return report_warning("train.loss", train_loss, error,
                              "the loss goes up and down from epoch to epoch; a lower rate or "
                              "larger batches may help");
    return true;
}

/* The training loss is the mean over an epoch in which the weights got better. So it is the best of
 * training, with the epoch that follows, that a validation loss is compared with. */
static bool is_too_good(const struct guard_memory *memory, double valid_loss, int64_t n_valid)
{
    return memory->epochs > 1 && n_valid >= TOO_GOOD_ROWS && valid_loss >= 0 &&
           valid_loss < TOO_GOOD * memory->best;
}

static bool watch_validation(struct guard_memory *memory, double train_loss, double valid_loss,
                             int64_t n_valid, struct error *error)
{
    bool first = memory->epochs == 1 || isnan(memory->best_valid);
    double before = memory->last_valid;

    memory->best_valid = first ? valid_loss : fmin(memory->best_valid, valid_loss);
    if (is_too_good(memory, before, n_valid) && once(memory, GUARD_TOO_GOOD))
        return report_warning("valid.loss", before, error,
                              "too good to be true: %.4g after epoch %" PRId64
                              ", where training has %.4g at best; look for what both parts share",
                              before, memory->epochs - 1, memory->best);
    if (memory->best_valid > 0 && valid_loss > OVERFIT * memory->best_valid &&
        train_loss <= memory->best && once(memory, GUARD_OVERFIT))
        return report_warning("valid.loss", valid_loss, error,
                              "it learns by heart: the validation loss is %.4g after %.4g at best, "
                              "while the training loss falls",
                              valid_loss, memory->best_valid);
    return true;
}

bool guard_epoch(struct guard_memory *memory, double train_loss, double valid_loss, int64_t n_valid,
                 bool *ret_serious, struct error *error)
{
    bool done;

    *ret_serious = false;
    remember(memory, train_loss);
    done = watch_training(memory, train_loss, ret_serious, error) &&
           (isnan(valid_loss) || watch_validation(memory, train_loss, valid_loss, n_valid, error));
    memory->last_valid = valid_loss;
    return done;
}

bool guard_value(struct guard_memory *memory, const char *metric, double value, int64_t epoch,
                 struct error *error)
{
    return !isnan(value) || !once(memory, GUARD_NO_NUMBER) ||
           report_warning(metric, NAN, error,
                          "%s is no number in epoch %" PRId64
                          ": such an epoch is never the best, and nothing counts it as one without "
                          "improvement",
                          metric, epoch);
}

bool guard_end(const struct guard_memory *memory, struct error *error)
{
    double fall;

    if (memory->epochs < 3 || !(back(memory, 0) > 0))
        return true;
    fall = (back(memory, 2) - back(memory, 0)) / 2 / back(memory, 0);
    if (fall < STILL_FALLING || back(memory, 0) > back(memory, 1))
        return true;
    return report_note(error,
                       "the training loss was still falling, by %.0f %% an epoch: more epochs may "
                       "help",
                       fall * 100);
}
