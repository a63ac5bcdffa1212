/*
 * Layer normalisation (Ba, Kiros, Hinton 2016), over the values of each step of each row.
 *
 *   n = (x - mean) / sqrt(variance + epsilon)     y = gain n + bias
 *   dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon),  g = gain dy
 */
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/layer/layer.h"

#include <math.h>

struct layer_norm_config {
    double epsilon;
};

static const struct setting layer_norm_settings[] = {
    SETTING_REAL(struct layer_norm_config, epsilon, 1e-5, 0, 1, 0, "", "Added to the variance."),
    {0},
};

static const struct initializer_constant_config one = {.value = 1};
enum { GAIN, BIAS };
enum { NORMAL, SCALE };

static bool layer_norm_build(struct layer *layer, const struct shape *in, int n_in,
                             struct shape *ret_out, struct error *error)
{
    const struct kind_choice ones = layer_initializer("constant", &one);

    (void)n_in, (void)error;
    layer_add_vector(layer, "gain", in->width, &ones);
    layer_add_vector(layer, "bias", in->width, NULL);
    layer_add_buffer(layer, BUFFER_SAVED, in->steps * in->width, 0);
    layer_add_buffer(layer, BUFFER_SAVED, in->steps, 0);
    *ret_out = *in;
    return true;
}

static void moments(const real *x, int64_t n, double *ret_mean, double *ret_variance)
{
    double sum = 0, squares = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    *ret_mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += ((double)x[i] - *ret_mean) * ((double)x[i] - *ret_mean);
    *ret_variance = squares / (double)n;
}

static void layer_norm_forward(const struct layer *layer, struct pass *pass,
                               const struct tensor *const x[], struct tensor *y)
{
    double epsilon = ((const struct layer_norm_config *)layer->config)->epsilon;
    const real *gain = layer->parameter[GAIN].value, *bias = layer->parameter[BIAS].value;
    int64_t width = y->width;

    for (int64_t row = 0; row < y->steps * y->rows; row++) {
        const real *from = x[0]->data + row * width;
        real *to = y->data + row * width;
        double mean, variance;
        real center, scale;

        moments(from, width, &mean, &variance);
        center = (real)mean;
        scale = (real)(1 / sqrt(variance + epsilon));
        for (int64_t i = 0; i < width; i++) {
            real normal = (from[i] - center) * scale;

            to[i] = gain[i] * normal + bias[i];
            if (pass->training)
                pass->buffer[NORMAL][row * width + i] = normal;
        }
        if (pass->training)
            pass->buffer[SCALE][row] = scale;
    }
}

static void layer_norm_back_row(const real *gain, const real *normal, const real *dy, real scale,
                                int64_t width, real *dx)
{
    double sum = 0, along = 0;
    real mean, share;

    for (int64_t i = 0; i < width; i++) {
        double g = (double)gain[i] * (double)dy[i];

        sum += g;
        along += g * (double)normal[i];
    }
    mean = (real)(sum / (double)width);
    share = (real)(along / (double)width);
    for (int64_t i = 0; i < width; i++)
        dx[i] = scale * (gain[i] * dy[i] - mean - normal[i] * share);
}

static void layer_norm_backward(const struct layer *layer, struct pass *pass,
                                const struct tensor *const x[], const struct tensor *y,
                                const struct tensor *dy, struct tensor *const dx[])
{
    const real *normal = pass->buffer[NORMAL];
    real *gain = layer->parameter[GAIN].gradient, *bias = layer->parameter[BIAS].gradient;
    int64_t width = y->width;

    (void)x;
    for (int64_t row = 0; row < y->steps * y->rows; row++) {
        const real *from = dy->data + row * width;

        for (int64_t i = 0; gain && i < width; i++)
            gain[i] += from[i] * normal[row * width + i];
        if (dx[0])
            layer_norm_back_row(layer->parameter[GAIN].value, normal + row * width, from,
                                pass->buffer[SCALE][row], width, dx[0]->data + row * width);
    }
    if (bias)
        pass->kernel->add_columns(bias, dy->data, y->steps * y->rows, width);
}

const struct layer_kind layer_layer_norm = {
    .kind = {.name = "layer_norm",
             .help = "Each step's values get mean 0 and variance 1, then a gain and a bias.",
             .config_size = sizeof(struct layer_norm_config),
             .settings = layer_norm_settings},
    .build = layer_norm_build,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
};
