/*
 * Dense: y = f(x W' + b), for every step of a sequence alike.
 *
 *   x [steps*rows][in]   W [units][in]   b [units]   y [steps*rows][units]
 *   dz = dy f'(z)        dW += dz' x     db += column sums of dz     dx = dz W
 */
#include "worker/engine/layer/activation.h"

#include <assert.h>

#include "worker/engine/initializer/initializer.h"

struct dense_config {
    char *units;
    int activation;
    bool bias;
    struct kind_choice initializer;
};

static const struct setting dense_settings[] = {
    SETTING_EXPRESSION(struct dense_config, units, NULL, 1, 1 << 20, SETTING_REQUIRED,
                       "Number of outputs: a number or a formula over classes, targets, outputs, "
                       "features, steps and batch, such as 2 * (features + 1)."),
    SETTING_CHOICE(struct dense_config, activation, ACTIVATION_LINEAR, activation_name,
                   "What the sums pass through; leaky_relu has slope 0.01 here."),
    SETTING_BOOLEAN(struct dense_config, bias, true, "Whether a bias is added."),
    SETTING_KIND(struct dense_config, initializer, &initializer_registry, "glorot_uniform", 0,
                 "First values of the weights; biases begin at 0."),
    {0},
};

enum { WEIGHT, BIAS };
enum { SUMS, PACKED };

#define PACKED_MOST (1 << 19) /* elements */
#define PACKED_UNITS 64

struct dense {
    const struct kernel *kernel;
    int64_t in, units;
    bool packs;
};

/* Weights that are packed, once for all trips of a step: small ones, and those of few units, unless
 * most of what is packed were zeros. With others BLAS, which packs at each trip, is as fast. */
static bool is_packed(const struct dense *dense)
{
    int64_t size = kernel_packed_size(dense->kernel, dense->in, dense->units);

    if (dense->kernel == &kernel_plain)
        return false;
    return size <= KERNEL_PACKED_SMALL || (dense->units <= PACKED_UNITS && size <= PACKED_MOST &&
                                           size <= 2 * dense->in * dense->units);
}

static bool dense_build(struct layer *layer, const struct shape *in, int n_in,
                        struct shape *ret_out, struct error *error)
{
    const struct dense_config *config = layer->config;
    struct dense *dense = layer->memory;
    int64_t units;

    assert(n_in == 1);
    if (!layer_size(layer, "units", config->units, &units, error))
        return false;
    *dense = (struct dense){.kernel = layer->kernel, .in = in->width, .units = units};
    dense->packs = is_packed(dense);
    layer_add_parameter(layer, "weight", units, in->width, &config->initializer);
    if (config->bias)
        layer_add_vector(layer, "bias", units, NULL);
    layer_add_buffer(layer, BUFFER_SAVED,
                     in->steps * units * activation_keeps((enum activation)config->activation), 0);
    layer_add_buffer(layer, BUFFER_SCRATCH, 0,
                     dense->packs ? kernel_packed_size(dense->kernel, dense->in, units) : 0);
    *ret_out = (struct shape){.steps = in->steps, .width = units};
    return true;
}

static void dense_measure_packed(const struct layer *layer, int64_t rows, int64_t *ret_packed,
                                 int64_t *ret_room)
{
    const struct dense *dense = layer->memory;

    (void)rows;
    *ret_packed = bf16x3_packed_size(dense->in, dense->units);
    *ret_room = bf16x3_matrix_room(dense->in, dense->units);
}

static void dense_pack(const struct layer *layer, uint16_t *ret_packed)
{
    const struct dense *dense = layer->memory;

    bf16x3_matrix_pack(layer->parameter[WEIGHT].value, dense->in, dense->units, ret_packed);
}

static bool is_tiled(const struct layer *layer, const struct pass *pass)
{
    return pass->bf16x3 && layer->packed;
}

static void dense_prepare(const struct layer *layer, struct pass *pass)
{
    const struct dense *dense = layer->memory;

    if (dense->packs && !pass->same_weights && !is_tiled(layer, pass))
        kernel_pack(dense->kernel, layer->parameter[WEIGHT].value, 1, dense->in, dense->in,
                    dense->units, pass->buffer[PACKED]);
}

static void dense_forward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], struct tensor *y)
{
    const struct dense_config *config = layer->config;
    const struct dense *dense = layer->memory;
    const real *bias = config->bias ? layer->parameter[BIAS].value : NULL;
    int64_t rows = x[0]->steps * x[0]->rows;
    const struct matrix_product product = {.kernel = dense->kernel,
                                           .transpose_b = true,
                                           .m = rows,
                                           .n = dense->units,
                                           .k = dense->in,
                                           .a = x[0]->data,
                                           .a_row = dense->in,
                                           .b = layer->parameter[WEIGHT].value,
                                           .b_row = dense->in,
                                           .c = y->data,
                                           .c_row = dense->units};

    if (is_tiled(layer, pass))
        bf16x3_matrix_product(&(struct bf16x3_matrix){.kernel = pass->bf16x3,
                                                      .m = rows,
                                                      .n = dense->units,
                                                      .k = dense->in,
                                                      .a = x[0]->data,
                                                      .a_row = dense->in,
                                                      .packed = layer->packed,
                                                      .c = y->data,
                                                      .c_row = dense->units,
                                                      .room = pass->room});
    else if (dense->packs)
        kernel_product_packed(&product, pass->buffer[PACKED]);
    else
        kernel_product_within(&product);
    activation_apply(pass, (enum activation)config->activation, bias, y, pass->buffer[SUMS]);
}

static void dense_backward(const struct layer *layer, struct pass *pass,
                           const struct tensor *const x[], const struct tensor *y,
                           const struct tensor *dy, struct tensor *const dx[])
{
    const struct dense_config *config = layer->config;
    const struct dense *dense = layer->memory;
    const struct parameter *weight = &layer->parameter[WEIGHT];
    int64_t rows = x[0]->steps * x[0]->rows;
    real *dz = dy->data;

    activation_back(pass, (enum activation)config->activation, y, pass->buffer[SUMS], dy, dz);
    if (weight->gradient)
        kernel_product_within(&(struct matrix_product){.kernel = pass->kernel,
                                                       .transpose_a = true,
                                                       .add = true,
                                                       .m = dense->units,
                                                       .n = dense->in,
                                                       .k = rows,
                                                       .a = dz,
                                                       .a_row = dense->units,
                                                       .b = x[0]->data,
                                                       .b_row = dense->in,
                                                       .c = weight->gradient,
                                                       .c_row = dense->in});
    if (config->bias && layer->parameter[BIAS].gradient)
        pass->kernel->add_columns(layer->parameter[BIAS].gradient, dz, rows, dense->units);
    if (dx[0])
        kernel_product_within(&(struct matrix_product){.kernel = pass->kernel,
                                                       .m = rows,
                                                       .n = dense->in,
                                                       .k = dense->units,
                                                       .a = dz,
                                                       .a_row = dense->units,
                                                       .b = weight->value,
                                                       .b_row = dense->in,
                                                       .c = dx[0]->data,
                                                       .c_row = dense->in});
}

const struct layer_kind layer_dense = {
    .kind = {.name = "dense",
             .help = "Weighted sums of all inputs, with a bias and an activation.",
             .config_size = sizeof(struct dense_config),
             .settings = dense_settings},
    .memory = sizeof(struct dense),
    .build = dense_build,
    .measure_packed = dense_measure_packed,
    .pack = dense_pack,
    .prepare = dense_prepare,
    .forward = dense_forward,
    .backward = dense_backward,
};
