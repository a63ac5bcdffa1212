/*
 * Convolution along the steps, as products of shifted inputs.
 *
 *   y[t] = f(sum over k of x[t stride + k dilation - before] W_k' + b)
 *
 *   x [steps][rows][in]   W [filters][size][in]   b [filters]   y [out][rows][filters]
 *
 * In time-major layout a shift along the steps is an offset, so that with stride 1 all steps and
 * taps are one product whose parts begin at different places of x; nothing is copied but the edges,
 * where there is padding. dx is the same product over dz; its steps at the ends, which not every
 * tap reaches, are taken one by one.
 */
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/layer/activation.h"

#include <inttypes.h>
#include <string.h>

enum conv_padding { CONV_VALID, CONV_SAME, CONV_CAUSAL };
static const char *const padding_name[] = {"valid", "same", "causal", NULL};

struct conv1d_config {
    char *filters;
    int64_t size, stride, dilation;
    int padding, activation;
    bool bias;
    struct kind_choice initializer;
};

#define SIZE_MOST 256

static const struct setting conv1d_settings[] = {
    SETTING_EXPRESSION(struct conv1d_config, filters, NULL, 1, 1 << 16, SETTING_REQUIRED,
                       "Number of outputs at each step: a number or a formula."),
    SETTING_INTEGER(struct conv1d_config, size, 3, 1, SIZE_MOST, "steps",
                    "Steps that an output sees."),
    SETTING_INTEGER(struct conv1d_config, stride, 1, 1, 1 << 20, "steps",
                    "From one output's steps to the next's."),
    SETTING_INTEGER(struct conv1d_config, dilation, 1, 1, 1 << 20, "steps",
                    "From one of the steps that an output sees to the next."),
    SETTING_CHOICE(struct conv1d_config, padding, CONV_VALID, padding_name,
                   "valid: outputs see whole windows only; same: zeros round the sequence; causal: "
                   "zeros before it."),
    SETTING_CHOICE(struct conv1d_config, activation, ACTIVATION_LINEAR, activation_name,
                   "What the sums pass through; leaky_relu has slope 0.01 here."),
    SETTING_BOOLEAN(struct conv1d_config, bias, true, "Whether a bias is added."),
    SETTING_KIND(struct conv1d_config, initializer, &initializer_registry, "glorot_uniform", 0,
                 "First values of the weights; biases begin at 0."),
    {0},
};

enum { WEIGHT, BIAS };
enum { SUMS, PADDED, PACKED, PACKED_BACK, DX };

struct conv1d {
    const struct kernel *kernel;
    int64_t in, filters, size, stride, dilation;
    int64_t steps, out;    /* of x and of y */
    int64_t before, after; /* zeros round x, in steps */
};

/* TensorFlow's "same": outputs for every stride-th step, the odd zero at the end. */
static void pad(struct conv1d *conv, enum conv_padding padding)
{
    int64_t reach = (conv->size - 1) * conv->dilation, out, total;

    if (padding == CONV_VALID)
        return;
    out = (conv->steps + conv->stride - 1) / conv->stride;
    total = (out - 1) * conv->stride + reach + 1 - conv->steps;
    total = total > 0 ? total : 0;
    conv->before = padding == CONV_CAUSAL ? reach : total / 2;
    conv->after = padding == CONV_CAUSAL ? 0 : total - total / 2;
}

static void add_buffers(struct layer *layer, const struct conv1d *conv)
{
    const struct conv1d_config *config = layer->config;
    int64_t keeps = activation_keeps((enum activation)config->activation);
    int64_t padded = conv->before + conv->steps + conv->after;
    bool pads = conv->before + conv->after > 0;
    int64_t packed = conv->size * kernel_packed_size(conv->kernel, conv->in, conv->filters);
    int64_t back = conv->size * kernel_packed_size(conv->kernel, conv->filters, conv->in);

    layer_add_buffer(layer, BUFFER_SAVED, conv->out * conv->filters * keeps, 0);
    layer_add_buffer(layer, BUFFER_SCRATCH, pads ? padded * conv->in : 0, 0);
    layer_add_buffer(layer, BUFFER_SCRATCH, 0, packed);
    layer_add_buffer(layer, BUFFER_SAVED, 0, back);
    layer_add_buffer(layer, BUFFER_SAVED, pads ? padded * conv->in : 0, 0);
}

static bool conv1d_build(struct layer *layer, const struct shape *in, int n_in,
                         struct shape *ret_out, struct error *error)
{
    const struct conv1d_config *config = layer->config;
    struct conv1d *conv = layer->memory;
    struct parameter *weight;
    int64_t reach = (config->size - 1) * config->dilation;

    (void)n_in;
    *conv = (struct conv1d){.kernel = layer->kernel,
                            .in = in->width,
                            .size = config->size,
                            .stride = config->stride,
                            .dilation = config->dilation,
                            .steps = in->steps};
    if (!layer_size(layer, "filters", config->filters, &conv->filters, error))
        return false;
    pad(conv, (enum conv_padding)config->padding);
    if (reach >= conv->before + conv->steps + conv->after)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "an output sees %" PRId64 " steps, and the sequence has %" PRId64,
                            reach + 1, conv->steps);
    conv->out = (conv->before + conv->steps + conv->after - reach - 1) / conv->stride + 1;
    layer_add_parameter(layer, "weight", conv->filters, conv->size * conv->in,
                        &config->initializer);
    weight = &layer->parameter[WEIGHT];
    weight->fan_out = conv->size * conv->filters;
    if (config->bias)
        layer_add_vector(layer, "bias", conv->filters, NULL);
    add_buffers(layer, conv);
    *ret_out = (struct shape){.steps = conv->out, .width = conv->filters};
    return true;
}

static int64_t conv1d_length(const struct layer *layer, int64_t length)
{
    const struct conv1d *conv = layer->memory;
    int64_t reach = (conv->size - 1) * conv->dilation;

    if (((const struct conv1d_config *)layer->config)->padding != CONV_VALID)
        return (length + conv->stride - 1) / conv->stride;
    return length <= reach ? 1 : (length - reach - 1) / conv->stride + 1;
}

static const real *padded_input(const struct conv1d *conv, const struct pass *pass,
                                const struct tensor *x)
{
    int64_t step_size = x->rows * conv->in;
    real *padded = pass->buffer[PADDED];

    if (conv->before + conv->after == 0)
        return x->data;
    memset(padded, 0, (size_t)(conv->before * step_size) * sizeof(real));
    memcpy(padded + conv->before * step_size, x->data,
           (size_t)(conv->steps * step_size) * sizeof(real));
    memset(padded + (conv->before + conv->steps) * step_size, 0,
           (size_t)(conv->after * step_size) * sizeof(real));
    return padded;
}

static void conv1d_prepare(const struct layer *layer, struct pass *pass)
{
    const struct conv1d *conv = layer->memory;
    real *packed = pass->buffer[PACKED];

    if (pass->same_weights || (pass->bf16x3 && layer->packed))
        return;
    for (int64_t k = 0; k < conv->size; k++) {
        kernel_pack(conv->kernel, layer->parameter[WEIGHT].value + k * conv->in, 1,
                    conv->size * conv->in, conv->in, conv->filters, packed);
        packed += kernel_packed_size(conv->kernel, conv->in, conv->filters);
    }
}

/* y[out][rows][filters] = sum over taps of x, shifted by them, times the packed weights */
static void shifted_products(const struct conv1d *conv, const real *x, int64_t rows,
                             const real *packed, real *y)
{
    struct product_part part[SIZE_MOST];
    int64_t at_once = conv->stride == 1 ? conv->out : 1;
    struct product product = {.m = rows * at_once,
                              .n = conv->filters,
                              .c_row = conv->filters,
                              .part = part,
                              .n_parts = (int)conv->size};

    for (int64_t step = 0; step < conv->out; step += at_once) {
        for (int64_t tap = 0; tap < conv->size; tap++)
            part[tap] = kernel_packed_part(
                conv->kernel, x + (step * conv->stride + tap * conv->dilation) * rows * conv->in,
                conv->in, packed + tap * kernel_packed_size(conv->kernel, conv->in, conv->filters),
                conv->in);
        product.c = y + step * rows * conv->filters;
        conv->kernel->product(&product);
    }
}

/* ---- predictions in bfloat16 tiles: with stride 1 ---- */

static void conv1d_measure_packed(const struct layer *layer, int64_t rows, int64_t *ret_packed,
                                  int64_t *ret_room)
{
    const struct conv1d *conv = layer->memory;
    int64_t padded = conv->before + conv->steps + conv->after;
    bool fits = conv->stride == 1;

    *ret_packed = fits ? conv->size * bf16x3_packed_size(conv->in, conv->filters) : 0;
    *ret_room = fits ? (padded * rows + BF16X3_BEYOND) * bf16x3_width(conv->in) : 0;
}

static void conv1d_pack(const struct layer *layer, uint16_t *ret_packed)
{
    const struct conv1d *conv = layer->memory;
    int64_t panel = bf16x3_packed_size(conv->in, BF16X3_PANEL);

    for (int64_t k = 0; k < conv->size; k++)
        bf16x3_pack(layer->parameter[WEIGHT].value + k * conv->in, 1, conv->size * conv->in,
                    conv->in, conv->filters, conv->size * panel, ret_packed + k * panel);
}

/* x is split once for all taps. */
static void tiled_products(const struct layer *layer, const struct pass *pass, const real *x,
                           struct tensor *y)
{
    const struct conv1d *conv = layer->memory;
    int64_t width = bf16x3_width(conv->in);
    int64_t rows = (conv->before + conv->steps + conv->after) * y->rows;
    const struct bf16x3_layout layout = bf16x3_rows(conv->in);

    pass->bf16x3->split(x, conv->in, rows, conv->in, &layout, pass->room);
    memset(pass->room + rows * width, 0, (size_t)(BF16X3_BEYOND * width) * sizeof(*pass->room));
    pass->bf16x3->product(&(struct bf16x3_product){.m = conv->out * y->rows,
                                                   .n = conv->filters,
                                                   .k = conv->in,
                                                   .taps = conv->size,
                                                   .a = pass->room,
                                                   .layout = layout,
                                                   .a_tap = conv->dilation * y->rows * width,
                                                   .b = layer->packed,
                                                   .c = y->data,
                                                   .c_row = conv->filters,
                                                   .c_panel = BF16X3_PANEL});
}

static void conv1d_forward(const struct layer *layer, struct pass *pass,
                           const struct tensor *const x[], struct tensor *y)
{
    const struct conv1d_config *config = layer->config;
    const struct conv1d *conv = layer->memory;

    const real *padded = padded_input(conv, pass, x[0]);

    if (pass->bf16x3 && layer->packed)
        tiled_products(layer, pass, padded, y);
    else
        shifted_products(conv, padded, y->rows, pass->buffer[PACKED], y->data);
    activation_apply(pass, (enum activation)config->activation,
                     config->bias ? layer->parameter[BIAS].value : NULL, y, pass->buffer[SUMS]);
}

#define BLOCK_VALUES 8192   /* of x that stay in the nearest cache while all taps take their turn */
#define BLOCK_TERMS_MIN 96  /* of a sum, so that reading and writing it is little beside them */
#define BLOCK_WIDTH_MAX 256 /* of x: wider products are BLAS', which has blocks of its own */

/* Steps whose products go together: where they do not lie side by side, each is its own. */
static int64_t block_steps(const struct conv1d *conv, int64_t rows)
{
    int64_t terms = BLOCK_VALUES / conv->in;

    if (conv->stride > 1 || conv->in > BLOCK_WIDTH_MAX)
        return conv->stride > 1 ? 1 : conv->out;
    terms = terms > BLOCK_TERMS_MIN ? terms : BLOCK_TERMS_MIN;
    return terms > rows ? terms / rows : 1;
}

static void gradient_of_weights(const struct conv1d *conv, const real *x, const struct tensor *dz,
                                real *gradient)
{
    int64_t rows = dz->rows, at_once = block_steps(conv, rows);

    for (int64_t step = 0, n; step < conv->out; step += n) {
        n = conv->out - step < at_once ? conv->out - step : at_once;
        for (int64_t tap = 0; tap < conv->size; tap++)
            kernel_product_within(&(struct matrix_product){
                .kernel = conv->kernel,
                .transpose_a = true,
                .m = conv->filters,
                .n = conv->in,
                .k = n * rows,
                .a = dz->data + step * rows * conv->filters,
                .a_row = conv->filters,
                .b = x + (step * conv->stride + tap * conv->dilation) * rows * conv->in,
                .b_row = conv->in,
                .add = true,
                .c = gradient + tap * conv->in,
                .c_row = conv->size * conv->in});
    }
}

/* Packs the taps, the last one first where steps are taken at once. */
static void pack_back(const struct layer *layer, const struct pass *pass)
{
    const struct conv1d *conv = layer->memory;
    real *packed = pass->buffer[PACKED_BACK];

    for (int64_t k = 0; k < conv->size; k++) {
        int64_t tap = conv->stride == 1 ? conv->size - 1 - k : k;

        kernel_pack(conv->kernel, layer->parameter[WEIGHT].value + tap * conv->in,
                    conv->size * conv->in, 1, conv->filters, conv->in, packed);
        packed += kernel_packed_size(conv->kernel, conv->filters, conv->in);
    }
}

/* dx of n steps, of which each tap reaches all or none: dz of what it gave, times its weights. */
static void gradient_of_steps(const struct conv1d *conv, const struct pass *pass,
                              const struct tensor *dz, int64_t first, int64_t n, real *to)
{
    int64_t reach = (conv->size - 1) * conv->dilation;
    int64_t packed = kernel_packed_size(conv->kernel, conv->filters, conv->in);
    struct product_part part[SIZE_MOST];
    struct product product = {.m = n * dz->rows,
                              .n = conv->in,
                              .c = to + first * dz->rows * conv->in,
                              .c_row = conv->in,
                              .part = part};

    for (int64_t k = 0; k < conv->size; k++) {
        int64_t from = first - reach + k * conv->dilation;

        if (from >= 0 && from + n <= conv->out)
            part[product.n_parts++] = kernel_packed_part(
                conv->kernel, dz->data + from * dz->rows * conv->filters, conv->filters,
                pass->buffer[PACKED_BACK] + k * packed, conv->filters);
    }
    if (product.n_parts > 0)
        conv->kernel->product(&product);
    else
        memset(product.c, 0, (size_t)(product.m * product.n) * sizeof(real));
}

/* All steps that every tap reaches at once; those at the ends one by one. */
static void spread_gradient(const struct conv1d *conv, const struct pass *pass,
                            const struct tensor *dz, real *to)
{
    int64_t reach = (conv->size - 1) * conv->dilation;
    int64_t padded = conv->before + conv->steps + conv->after, n;

    for (int64_t step = 0; step < padded; step += n) {
        n = step == reach && conv->out > reach ? conv->out - reach : 1;
        gradient_of_steps(conv, pass, dz, step, n, to);
    }
}

static void scatter_gradient(const struct conv1d *conv, const struct pass *pass,
                             const struct tensor *dz, real *to)
{
    int64_t rows = dz->rows, packed = kernel_packed_size(conv->kernel, conv->filters, conv->in);
    int64_t padded = conv->before + conv->steps + conv->after;
    struct product_part part;
    struct product product = {
        .m = rows, .n = conv->in, .c_row = conv->in, .add = true, .part = &part, .n_parts = 1};

    memset(to, 0, (size_t)(padded * rows * conv->in) * sizeof(real));
    for (int64_t step = 0; step < conv->out; step++)
        for (int64_t tap = 0; tap < conv->size; tap++) {
            part = kernel_packed_part(conv->kernel, dz->data + step * rows * conv->filters,
                                      conv->filters, pass->buffer[PACKED_BACK] + tap * packed,
                                      conv->filters);
            product.c = to + (step * conv->stride + tap * conv->dilation) * rows * conv->in;
            conv->kernel->product(&product);
        }
}

static void conv1d_backward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], const struct tensor *y,
                            const struct tensor *dy, struct tensor *const dx[])
{
    const struct conv1d_config *config = layer->config;
    const struct conv1d *conv = layer->memory;
    bool pads = conv->before + conv->after > 0;
    real *to = pads ? pass->buffer[DX] : (dx[0] ? dx[0]->data : NULL);

    activation_back(pass, (enum activation)config->activation, y, pass->buffer[SUMS], dy, dy->data);
    if (config->bias && layer->parameter[BIAS].gradient)
        pass->kernel->add_columns(layer->parameter[BIAS].gradient, dy->data, conv->out * y->rows,
                                  conv->filters);
    if (layer->parameter[WEIGHT].gradient)
        gradient_of_weights(conv, pads ? pass->buffer[PADDED] : x[0]->data, dy,
                            layer->parameter[WEIGHT].gradient);
    if (!dx[0])
        return;
    pack_back(layer, pass);
    if (conv->stride == 1)
        spread_gradient(conv, pass, dy, to);
    else
        scatter_gradient(conv, pass, dy, to);
    if (pads)
        memcpy(dx[0]->data, to + conv->before * y->rows * conv->in,
               (size_t)(conv->steps * y->rows * conv->in) * sizeof(real));
}

const struct layer_kind layer_conv1d = {
    .kind = {.name = "conv1d",
             .help = "Convolution along the steps of a sequence.",
             .config_size = sizeof(struct conv1d_config),
             .settings = conv1d_settings},
    .memory = sizeof(struct conv1d),
    .build = conv1d_build,
    .length = conv1d_length,
    .measure_packed = conv1d_measure_packed,
    .pack = conv1d_pack,
    .prepare = conv1d_prepare,
    .forward = conv1d_forward,
    .backward = conv1d_backward,
};
