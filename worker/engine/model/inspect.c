#include "worker/engine/model/inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/arena.h"
#include "worker/engine/report.h"

#define VANISHING 1e-9 /* of the largest layer's gradient, root mean squares */
#define EXPLODING 1e4  /* times the first step's */
#define LARGE 100.0    /* of an input: weights are made for values about 1 */
#define DEAD_SHARE 0.5
#define DEAD_ROWS 8 /* fewer rows of a batch say nothing about a unit */

enum { TOLD_VANISHING = 1, TOLD_EXPLODING = 2, TOLD_DEAD = 4 };

static int64_t elements(const struct parameter *parameter)
{
    return parameter->rows * parameter->columns;
}

/* What a gradient's slice has that it should not have; NULL: nothing. */
static const char *complaint(const real *gradient, int64_t n)
{
    bool zero = true;

    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(gradient[i]))
            return "not finite";
        zero = zero && gradient[i] == 0;
    }
    return zero ? "zero" : NULL;
}

/* Units that are not exactly 0 for each row. */
static void look_for_alive(const struct tensor *y, bool *alive)
{
    for (int64_t unit = 0; unit < y->width; unit++)
        for (int64_t row = 0; row < y->steps * y->rows && !alive[unit]; row++)
            alive[unit] = y->data[row * y->width + unit] != 0;
}

static int64_t count_dead(const bool *alive, int64_t width)
{
    int64_t dead = 0;

    for (int64_t unit = 0; unit < width; unit++)
        dead += !alive[unit];
    return dead;
}

/* What other layers pass on, a sparse column or what dropout drew, is 0 for good reasons. */
static bool may_die(const struct layer *layer)
{
    return layer->n_parameters > 0 || layer->kind->activates;
}

/* Whether a source, a layer or an input, was not 0 throughout. */
static bool is_awake(const struct inspect_step *step, const struct network *network, int source)
{
    const bool *alive = step->alive;

    if (source < 0)
        return step->input_alive[graph_input(source)];
    for (int i = 0; i < source; i++)
        alive += network->layer[i].out.width;
    return count_dead(alive, network->layer[source].out.width) < network->layer[source].out.width;
}

static bool takes_anything(const struct inspect_step *step, const struct network *network,
                           int layer)
{
    const struct graph_node *node = &network->node[layer];

    for (int i = 0; i < node->n_sources; i++)
        if (is_awake(step, network, node->source[i]))
            return true;
    return false;
}

/* Whether a source is 0 because the data are, as a slice of rare columns is, and not because a
 * layer died. */
static bool is_empty(const struct inspect_step *step, const struct network *network, int source)
{
    if (is_awake(step, network, source))
        return false;
    return source < 0 || step->sleeps[source] ||
           (!may_die(&network->layer[source]) && takes_anything(step, network, source));
}

static void look_for_sleepers(struct inspect_step *step, const struct network *network)
{
    for (int i = 0; i < network->n_layers; i++) {
        const struct graph_node *node = &network->node[i];

        step->sleeps[i] = true;
        for (int k = 0; k < node->n_sources; k++)
            step->sleeps[i] = step->sleeps[i] && is_empty(step, network, node->source[k]);
    }
}

static bool complain(const struct inspect_step *step, const struct network *network, bool *serious,
                     struct error *error)
{
    for (int i = 0; i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];

        for (int k = 0; k < layer->n_parameters; k++) {
            const struct parameter *parameter = &layer->parameter[k];
            const char *what =
                parameter->gradient ? complaint(parameter->gradient, elements(parameter)) : NULL;

            if (!what || (strcmp(what, "zero") == 0 && step->sleeps[i]))
                continue;
            *serious = true;
            if (!report_warning(layer->path, NAN, error,
                                "the gradient of %s is %s in the first step", parameter->name,
                                what))
                return false;
        }
    }
    return true;
}

static double root_mean_square(const struct parameter *parameter)
{
    double sum = 0;

    for (int64_t i = 0; i < elements(parameter); i++)
        sum += (double)parameter->gradient[i] * (double)parameter->gradient[i];
    return sqrt(sum / (double)elements(parameter));
}

struct extremes {
    const struct layer *least, *most;
    double low, high;
};

static struct extremes find_extremes(const struct network *network)
{
    struct extremes found = {.low = INFINITY};

    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++) {
            const struct layer *layer = &network->layer[i];
            double size;

            if (!layer->parameter[k].gradient || layer->parameter[k].is_vector)
                continue;
            size = root_mean_square(&layer->parameter[k]);
            if (size < found.low) {
                found.least = layer;
                found.low = size;
            }
            if (!(size <= found.high)) {
                found.most = layer;
                found.high = size;
            }
        }
    return found;
}

static bool once(struct network *network, int64_t what)
{
    bool first = !(network->inspection.told & what);

    network->inspection.told |= what;
    return first;
}

static bool compare_gradients(struct network *network, bool first, struct error *error)
{
    const struct extremes found = find_extremes(network);

    if (!found.most || !found.least)
        return true;
    if (first)
        network->inspection.first = found.high;
    if (found.low > 0 && found.low < VANISHING * found.high && once(network, TOLD_VANISHING) &&
        !report_warning(found.least->path, found.low, error,
                        "the gradient vanishes on its way to %s: %.2g, where %s has %.2g",
                        found.least->name, found.low, found.most->name, found.high))
        return false;
    if (network->inspection.first > 0 && found.high > EXPLODING * network->inspection.first &&
        once(network, TOLD_EXPLODING))
        return report_warning(found.most->path, found.high, error,
                              "the gradient of %s explodes: %.2g, after %.2g in the first step; "
                              "train.clip may help",
                              found.most->name, found.high, network->inspection.first);
    return true;
}

static bool look_for_dead(const struct inspect_step *step, struct network *network, bool *serious,
                          struct error *error)
{
    const bool *alive = step->alive;
    int64_t width;

    for (int i = 0; i + 1 < network->n_layers; i++, alive += width) {
        const struct layer *layer = &network->layer[i];
        int64_t dead;

        width = layer->out.width;
        if (step->rows < DEAD_ROWS || !may_die(layer) || step->sleeps[i])
            continue;
        dead = count_dead(alive, width);
        *serious = *serious || dead == width;
        if ((double)dead >= DEAD_SHARE * (double)width && once(network, TOLD_DEAD) &&
            !report_warning(layer->path, (double)dead, error,
                            "%lld of %lld units of %s are 0 for a whole batch", (long long)dead,
                            (long long)width, layer->name))
            return false;
    }
    return true;
}

static bool has_embedding(const struct network *network)
{
    for (int i = 0; i < network->n_layers; i++)
        if (strcmp(network->layer[i].kind->kind.name, "embedding") == 0)
            return true;
    return false;
}

/* Values that nobody scaled; numbers of tokens are no such values. */
static bool look_at_inputs(const struct inspect_step *step, const struct network *network,
                           struct error *error)
{
    if (!(step->largest > LARGE) || has_embedding(network))
        return true;
    return report_warning("prepare", step->largest, error,
                          "inputs reach %.4g in the first batch: networks learn slowly or not at "
                          "all from values that are not scaled (standard, minmax, ...)",
                          step->largest);
}

static int64_t units(const struct network *network)
{
    int64_t n = 0;

    for (int i = 0; i < network->n_layers; i++)
        n += network->layer[i].out.width;
    return n;
}

void inspect_step_release(struct inspect_step *step)
{
    free(step->alive);
    free(step->sleeps);
    step->alive = step->sleeps = NULL;
}

bool inspect_begin(struct inspect_step *step, const struct network *network, struct error *error)
{
    step->alive = calloc((size_t)units(network) + 1, sizeof(*step->alive));
    step->sleeps = calloc((size_t)network->n_layers + 1, sizeof(*step->sleeps));
    return (step->alive && step->sleeps) || error_set(error, ERROR_NO_MEMORY, "looking at a step");
}

static void look_at_input(struct inspect_step *step, const struct tensor *x, bool *alive)
{
    double largest = 0;

    for (int64_t k = 0; k < x->steps * x->rows * x->width; k++)
        largest = fmax(largest, fabs((double)x->data[k]));
    *alive = *alive || largest > 0;
    step->largest = fmax(step->largest, largest);
}

void inspect_trip(struct inspect_step *step, const struct network *network)
{
    bool *alive = step->alive;

    step->rows += network->training.pass.rows;
    for (int i = 0; i < network->n_layers; i++) {
        look_for_alive(&network->training.output[i], alive);
        alive += network->layer[i].out.width;
    }
    for (int i = 0; i < network->plan.n_inputs; i++)
        look_at_input(step, &network->training.input[i], &step->input_alive[i]);
}

bool inspect_end(struct inspect_step *step, struct network *network, bool *serious,
                 struct error *error)
{
    look_for_sleepers(step, network);
    return (!step->first ||
            (complain(step, network, serious, error) && look_at_inputs(step, network, error))) &&
           compare_gradients(network, step->first, error) &&
           look_for_dead(step, network, serious, error);
}

/* ---- the first update ---- */

enum due { DUE_NOTHING, DUE_LOST, DUE_MOVE }; /* nothing; a step that rounding swallows; a step */

void inspect_moves_release(struct inspect_moves *moves)
{
    free(moves->before);
    free(moves->due);
    *moves = (struct inspect_moves){0};
}

static enum due what_is_due(const struct network *network, const struct parameter *parameter,
                            const struct update_moment *moment)
{
    const char *what;

    if (!parameter->gradient)
        return DUE_NOTHING;
    what = complaint(parameter->gradient, elements(parameter));
    if (what && strcmp(what, "zero") == 0)
        return DUE_NOTHING;
    return update_shows(&network->update, network->value, network->gradient, parameter->offset,
                        elements(parameter), moment)
               ? DUE_MOVE
               : DUE_LOST;
}

bool inspect_before(struct inspect_moves *moves, const struct network *network,
                    const struct update_moment *moment, struct error *error)
{
    if (network->update.at.updates > 0)
        return true;
    moves->before = arena_allocate(network->n_elements);
    moves->due = calloc((size_t)network->n_layers * LAYER_PARAMETERS_MAX, sizeof(*moves->due));
    if (!moves->before || !moves->due)
        return error_set(error, ERROR_NO_MEMORY, "looking at the first step");
    memcpy(moves->before, network->value, (size_t)network->n_elements * sizeof(real));
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++)
            moves->due[i * LAYER_PARAMETERS_MAX + k] =
                (char)what_is_due(network, &network->layer[i].parameter[k], moment);
    return true;
}

static bool compare_moves(const struct layer *layer, const struct parameter *parameter, bool frozen,
                          bool moved, enum due due, bool *serious, struct error *error)
{
    if (moved != frozen || (!frozen && due == DUE_NOTHING))
        return true;
    *serious = *serious || frozen || due == DUE_MOVE;
    return report_warning(layer->path, NAN, error,
                          frozen            ? "%s is frozen, but moved in the first step"
                          : due == DUE_MOVE ? "%s did not move in the first step"
                                            : "%s did not move in the first step: rounding "
                                              "swallows so small a one",
                          parameter->name);
}

bool inspect_after(struct inspect_moves *moves, const struct network *network,
                   const struct update_moment *moment, bool *serious, struct error *error)
{
    if (!moves->before || network->update.at.updates == 0)
        return true;
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++) {
            const struct parameter *parameter = &network->layer[i].parameter[k];
            const real *before = moves->before + parameter->offset;

            if (parameter->is_state)
                continue;
            if (!compare_moves(&network->layer[i], parameter,
                               update_frozen(&network->update, parameter->offset, moment->epoch),
                               memcmp(before, parameter->value,
                                      (size_t)elements(parameter) * sizeof(real)) != 0,
                               (enum due)moves->due[i * LAYER_PARAMETERS_MAX + k], serious, error))
                return false;
        }
    return true;
}
