/*
 * Batch normalisation (Ioffe, Szegedy 2015), each feature over the rows and steps of a batch.
 *
 *   n = (x - mean) / sqrt(variance + epsilon)     y = gain n + bias
 *   dx = gain / sqrt(variance + epsilon) (dy - mean(dy) - n mean(dy n))
 *
 * Training takes the batch's moments and lets the running ones follow; prediction takes those. They
 * are kept with the weights. Steps beyond a row's length do not count.
 */
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/layer/layer.h"

#include <math.h>
#include <string.h>

struct batch_norm_config {
    double momentum, epsilon;
};

static const struct setting batch_norm_settings[] = {
    SETTING_REAL(struct batch_norm_config, momentum, 0.9, 0, 1, 0, "",
                 "What the running moments keep of themselves at each batch."),
    SETTING_REAL(struct batch_norm_config, epsilon, 1e-5, 0, 1, 0, "", "Added to the variance."),
    {0},
};

static const struct initializer_constant_config one = {.value = 1};
enum { GAIN, BIAS, MEAN, VARIANCE };
enum { NORMAL, SCALE, CENTER, SUMS };

static bool batch_norm_build(struct layer *layer, const struct shape *in, int n_in,
                             struct shape *ret_out, struct error *error)
{
    const struct kind_choice ones = layer_initializer("constant", &one);

    (void)n_in, (void)error;
    layer_add_vector(layer, "gain", in->width, &ones);
    layer_add_vector(layer, "bias", in->width, NULL);
    layer_add_state(layer, "mean", in->width, NULL);
    layer_add_state(layer, "variance", in->width, &ones);
    layer_add_buffer(layer, BUFFER_SAVED, in->steps * in->width, 0);
    for (int i = SCALE; i <= SUMS; i++)
        layer_add_buffer(layer, BUFFER_SCRATCH, 0, in->width * (i == SUMS ? 2 : 1));
    *ret_out = *in;
    return true;
}

static int64_t count(const struct tensor *x)
{
    int64_t n = 0;

    for (int64_t row = 0; row < x->rows; row++)
        n += x->length ? x->length[row] : x->steps;
    return n;
}

static bool counts(const struct tensor *x, int64_t place)
{
    return !x->length || place / x->rows < x->length[place % x->rows];
}

/* sums of (x - center), or of its square, over the places that count */
static void sum_columns(const struct tensor *x, const real *center, bool squares, real *sum)
{
    memset(sum, 0, (size_t)x->width * sizeof(real));
    for (int64_t place = 0; place < x->steps * x->rows; place++)
        for (int64_t i = 0; counts(x, place) && i < x->width; i++) {
            real off = x->data[place * x->width + i] - center[i];

            sum[i] += squares ? off * off : off;
        }
}

/* The batch's moments, and the running ones a step on. */
static void measure(const struct layer *layer, const struct pass *pass, const struct tensor *x)
{
    const struct batch_norm_config *config = layer->config;
    real *center = pass->buffer[CENTER], *scale = pass->buffer[SCALE], *sum = pass->buffer[SUMS];
    real *mean = layer->parameter[MEAN].value, *variance = layer->parameter[VARIANCE].value;
    double n = (double)count(x), keep = config->momentum;

    memset(center, 0, (size_t)x->width * sizeof(real));
    sum_columns(x, center, false, sum);
    for (int64_t i = 0; i < x->width; i++)
        center[i] = (real)((double)sum[i] / n);
    sum_columns(x, center, true, sum);
    for (int64_t i = 0; i < x->width; i++) {
        double here = (double)sum[i] / n, unbiased = n > 1 ? (double)sum[i] / (n - 1) : here;

        scale[i] = (real)(1 / sqrt(here + config->epsilon));
        mean[i] = (real)(keep * (double)mean[i] + (1 - keep) * (double)center[i]);
        variance[i] = (real)(keep * (double)variance[i] + (1 - keep) * unbiased);
    }
}

static void recall(const struct layer *layer, const struct pass *pass, int64_t width)
{
    double epsilon = ((const struct batch_norm_config *)layer->config)->epsilon;

    memcpy(pass->buffer[CENTER], layer->parameter[MEAN].value, (size_t)width * sizeof(real));
    for (int64_t i = 0; i < width; i++)
        pass->buffer[SCALE][i] =
            (real)(1 / sqrt((double)layer->parameter[VARIANCE].value[i] + epsilon));
}

static void batch_norm_forward(const struct layer *layer, struct pass *pass,
                               const struct tensor *const x[], struct tensor *y)
{
    const real *gain = layer->parameter[GAIN].value, *bias = layer->parameter[BIAS].value;
    const real *center = pass->buffer[CENTER], *scale = pass->buffer[SCALE];

    if (pass->training)
        measure(layer, pass, x[0]);
    else
        recall(layer, pass, y->width);
    for (int64_t place = 0; place < y->steps * y->rows; place++)
        for (int64_t i = 0; i < y->width; i++) {
            int64_t at = place * y->width + i;
            real normal = (x[0]->data[at] - center[i]) * scale[i];

            y->data[at] = gain[i] * normal + bias[i];
            if (pass->training)
                pass->buffer[NORMAL][at] = normal;
        }
}

/* Sums of dy and of dy n, which are the gradients of bias and gain too. */
static void sum_gradients(const struct tensor *dy, const real *normal, real *sum, real *along)
{
    memset(sum, 0, (size_t)dy->width * sizeof(real));
    memset(along, 0, (size_t)dy->width * sizeof(real));
    for (int64_t place = 0; place < dy->steps * dy->rows; place++)
        for (int64_t i = 0; i < dy->width; i++) {
            real gradient = dy->data[place * dy->width + i];

            sum[i] += gradient;
            along[i] += gradient * normal[place * dy->width + i];
        }
}

static void batch_norm_backward(const struct layer *layer, struct pass *pass,
                                const struct tensor *const x[], const struct tensor *y,
                                const struct tensor *dy, struct tensor *const dx[])
{
    const real *gain = layer->parameter[GAIN].value, *normal = pass->buffer[NORMAL];
    real *sum = pass->buffer[SUMS], *along = sum + y->width;
    real share = (real)1 / (real)count(x[0]);

    sum_gradients(dy, normal, sum, along);
    if (layer->parameter[GAIN].gradient)
        pass->kernel->add(layer->parameter[GAIN].gradient, along, y->width);
    if (layer->parameter[BIAS].gradient)
        pass->kernel->add(layer->parameter[BIAS].gradient, sum, y->width);
    for (int64_t place = 0; dx[0] && place < y->steps * y->rows; place++)
        for (int64_t i = 0; i < y->width; i++) {
            int64_t at = place * y->width + i;

            dx[0]->data[at] = gain[i] * pass->buffer[SCALE][i] *
                              (dy->data[at] - share * sum[i] - normal[at] * share * along[i]);
        }
}

const struct layer_kind layer_batch_norm = {
    .kind = {.name = "batch_norm",
             .help =
                 "Each feature gets mean 0 and variance 1 over a batch, then a gain and a bias.",
             .config_size = sizeof(struct batch_norm_config),
             .settings = batch_norm_settings},
    .whole = true,
    .build = batch_norm_build,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
};
