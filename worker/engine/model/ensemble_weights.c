/*
 * What each learner counts.
 *
 * Stacking: weights w >= 0 that make sum_rows |truth - sum_l w_l p_l|^2 small, where p_l is what
 * learner l predicts of a training row by those of its members that were not trained on it. Numbers
 * are in the units that training has; classes are 0 or 1, and the weights of classes get the sum 1.
 */
#include "worker/engine/model/ensemble.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/report.h"

#define PLACE "model[0].of"
#define SWEEPS 20000

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "weighing an ensemble");
}

/* ---- scores -----------------------------------------------------------------------------------*/

bool ensemble_chooses_by_test(const struct ensemble_config *config)
{
    return (config->by == ENSEMBLE_SCORE || config->threshold.n > 0) &&
           strncmp(config->metric, "test.", strlen("test.")) == 0;
}

static bool is_better_low(const char *metric, bool *ret, struct error *error)
{
    const char *dot = strchr(metric, '.');
    const struct kind *kind = dot ? kind_find(&metric_registry, dot + 1) : NULL;
    enum goal goal = kind ? ((const struct metric_kind *)kind)->goal : GOAL_NONE;

    if (dot && strcmp(dot + 1, "loss") == 0)
        goal = GOAL_MINIMIZE;
    *ret = goal == GOAL_MINIMIZE;
    return goal != GOAL_NONE ||
           error_set_at(error, ERROR_INVALID, "model[0].metric",
                        "'%s' is no part and metric that can be compared", metric);
}

/* The mean of its members'. */
static bool score_of(const struct ensemble *ensemble, int64_t learner, double *ret,
                     struct error *error)
{
    double sum = 0, score;
    int64_t n = 0;

    for (int64_t i = 0; i < ensemble->n_members; i++) {
        if (ensemble->member[i].learner != learner)
            continue;
        if (!member_score(&ensemble->member[i], ensemble->config->metric, &score, error))
            return false;
        sum += score;
        n++;
    }
    *ret = sum / (double)n;
    return true;
}

static bool weigh_by_scores(struct ensemble *ensemble, struct error *error)
{
    const struct ensemble_config *config = ensemble->config;
    bool low;

    if (!is_better_low(config->metric, &low, error))
        return false;
    for (int64_t i = 0; i < ensemble->n_learners; i++) {
        double score;

        if (!score_of(ensemble, i, &score, error))
            return false;
        if (config->threshold.n > 0 &&
            (low ? score > config->threshold.item[0] : score < config->threshold.item[0]))
            ensemble->weight[i] = 0;
        else if (config->by == ENSEMBLE_SCORE && score <= 0)
            return error_set_at(error, ERROR_INVALID, "model[0].by",
                                "the %s of %s is %g, which is no weight", config->metric,
                                config->of.item[i], score);
        else if (config->by == ENSEMBLE_SCORE)
            ensemble->weight[i] = (real)(low ? 1 / score : score);
    }
    return true;
}

/* ---- stacking ---------------------------------------------------------------------------------*/

struct stack {
    double *gram, *answer; /* owned, [learners][learners], [learners] */
    double *mean;          /* owned, [learners][n][outputs] */
    int8_t *seen;          /* owned, [members][rows of the data set] */
};

static void stack_release(struct stack *stack)
{
    free(stack->gram);
    free(stack->answer);
    free(stack->mean);
    free(stack->seen);
}

static bool mark_seen(const struct ensemble *ensemble, int8_t *seen, struct error *error)
{
    int64_t n_rows = ensemble->dataset->n_rows;

    for (int64_t i = 0; i < ensemble->n_members; i++) {
        int8_t *own = seen + i * n_rows;
        enum seen_answer answer;

        if (!pipeline_mark_seen(ensemble->member[i].path, ensemble->dataset, false, own, &answer,
                                error))
            return false;
        for (int64_t row = 0; row < n_rows; row++)
            own[row] = own[row] & ~(1 << SPLIT_TEST) ? 1 : 0;
        if (answer != SEEN_KNOWN)
            return error_set_at(error, ERROR_INVALID, PLACE,
                                "which rows %s was trained on is not known, and it is to be asked "
                                "about the others only",
                                ensemble->member[i].name);
    }
    return true;
}

static double truth_of(const struct ensemble *ensemble, const struct sample_set *set, int64_t row,
                       int64_t output)
{
    if (set->task == TASK_CLASSIFICATION)
        return set->label[row] == output;
    return (sample_target(set, row)[output] - ensemble->plan.target_offset[output]) /
           ensemble->plan.target_scale[output];
}

static double scaled(const struct ensemble *ensemble, double prediction, int64_t output)
{
    if (ensemble->plan.task == TASK_CLASSIFICATION)
        return prediction;
    return (prediction - ensemble->plan.target_offset[output]) /
           ensemble->plan.target_scale[output];
}

/* Sums of products of all learners' predictions with each other and with the truth. */
static void add_products(const struct ensemble *ensemble, const struct sample_set *set,
                         const struct ensemble_rows *rows, struct stack *stack)
{
    int64_t n = ensemble->n_learners, outputs = ensemble->model.n_outputs_per_row;
    int64_t values = rows->n * outputs;

    for (int64_t at = 0; at < values; at++) {
        int64_t output = at % outputs;
        double truth = truth_of(ensemble, set, rows->row[at / outputs], output);

        for (int64_t a = 0; a < n; a++) {
            double x = scaled(ensemble, stack->mean[a * values + at], output);

            stack->answer[a] += x * truth;
            for (int64_t b = 0; b < n; b++)
                stack->gram[a * n + b] +=
                    x * scaled(ensemble, stack->mean[b * values + at], output);
        }
    }
}

/* One weight after the other becomes the best that it can be beside the others, until none moves.
 */
static void solve(const struct stack *stack, int64_t n, double *weight)
{
    double moved = 1;

    for (int64_t i = 0; i < n; i++)
        weight[i] = 1 / (double)n;
    for (int sweep = 0; sweep < SWEEPS && moved > 1e-13; sweep++) {
        moved = 0;
        for (int64_t i = 0; i < n; i++) {
            const double *row = stack->gram + i * n;
            double rest = stack->answer[i], before = weight[i];

            for (int64_t k = 0; k < n; k++)
                rest -= k == i ? 0 : row[k] * weight[k];
            weight[i] = row[i] > 0 && rest > 0 ? rest / row[i] : 0;
            moved = fmax(moved, fabs(weight[i] - before));
        }
    }
}

static bool stack_weights(struct ensemble *ensemble, const struct stack *stack, struct error *error)
{
    int64_t n = ensemble->n_learners;
    scoped(memory_free) double *weight = calloc((size_t)n + 1, sizeof(*weight));
    double sum = 0;

    if (!weight)
        return no_memory(error);
    solve(stack, n, weight);
    for (int64_t i = 0; i < n; i++)
        sum += weight[i];
    if (sum <= 0)
        return error_set_at(error, ERROR_INVALID, PLACE, "no learner predicts better than 0");
    if (ensemble->plan.task == TASK_REGRESSION)
        sum = 1;
    for (int64_t i = 0; i < n; i++)
        ensemble->weight[i] = (real)(weight[i] / sum);
    return true;
}

static bool weigh_by_stacking(struct ensemble *ensemble, const struct model_step *step,
                              struct error *error)
{
    const struct ensemble_rows rows = {.row = step->row, .n = step->n};
    size_t n = (size_t)ensemble->n_learners;
    size_t values = (size_t)(step->n * ensemble->model.n_outputs_per_row);
    scoped(stack_release) struct stack stack = {
        .gram = calloc(n * n + 1, sizeof(double)),
        .answer = calloc(n + 1, sizeof(double)),
        .mean = calloc(n * values + 1, sizeof(double)),
        .seen = calloc((size_t)(ensemble->n_members * ensemble->dataset->n_rows) + 1, 1),
    };

    if (!stack.gram || !stack.answer || !stack.mean || !stack.seen)
        return no_memory(error);
    if (!mark_seen(ensemble, stack.seen, error))
        return false;
    for (int64_t i = 0; i < ensemble->n_learners; i++)
        if (!ensemble_learner(ensemble, i, &rows, stack.seen, stack.mean + (size_t)i * values,
                              error))
            return false;
    add_products(ensemble, step->set, &rows, &stack);
    return stack_weights(ensemble, &stack, error);
}

/* ---- the whole --------------------------------------------------------------------------------*/

static bool tell(const struct ensemble *ensemble, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    double sum = 0;

    for (int64_t i = 0; i < ensemble->n_learners; i++) {
        sum += (double)ensemble->weight[i];
        if (!buffer_append_format(&text, error, "%s%s: %.4g", i ? ", " : "",
                                  ensemble->config->of.item[i], (double)ensemble->weight[i]))
            return false;
    }
    if (sum <= 0)
        return error_set_at(error, ERROR_INVALID, "model[0].threshold", "leaves no learner (%s)",
                            text.data);
    return report_note(error, "weights of the learners: %s", text.data);
}

bool ensemble_weigh(struct ensemble *ensemble, const struct model_step *step, struct error *error)
{
    const struct ensemble_config *config = ensemble->config;

    for (int64_t i = 0; i < ensemble->n_learners; i++)
        ensemble->weight[i] = config->weights.n > 0 ? (real)config->weights.item[i] : 1;
    if (config->by == ENSEMBLE_STACK && !weigh_by_stacking(ensemble, step, error))
        return false;
    if ((config->by == ENSEMBLE_SCORE || config->threshold.n > 0) &&
        !weigh_by_scores(ensemble, error))
        return false;
    return tell(ensemble, error);
}
