/*
 * Embedding: each whole number of the input becomes a row of a table.
 *
 *   x [steps*rows][in]   table [tokens][units]   y [steps*rows][in*units]
 */
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/layer/layer.h"

#include <string.h>

struct embedding_config {
    char *tokens, *units;
    struct kind_choice initializer;
};

static const struct setting embedding_settings[] = {
    SETTING_EXPRESSION(struct embedding_config, tokens, "tokens", 1, 1 << 24, 0,
                       "Rows of the table: numbers are 0 .. tokens - 1; others are taken for 0."),
    SETTING_EXPRESSION(struct embedding_config, units, NULL, 1, 1 << 16, SETTING_REQUIRED,
                       "Width of a row: a number or a formula."),
    SETTING_KIND(struct embedding_config, initializer, &initializer_registry, "uniform", 0,
                 "First values of the table."),
    {0},
};

struct embedding {
    int64_t tokens, units;
};

static bool embedding_build(struct layer *layer, const struct shape *in, int n_in,
                            struct shape *ret_out, struct error *error)
{
    const struct embedding_config *config = layer->config;
    struct embedding *embedding = layer->memory;

    (void)n_in;
    if (!layer_size(layer, "tokens", config->tokens, &embedding->tokens, error) ||
        !layer_size(layer, "units", config->units, &embedding->units, error))
        return false;
    layer_add_parameter(layer, "weight", embedding->tokens, embedding->units, &config->initializer);
    *ret_out = (struct shape){.steps = in->steps, .width = in->width * embedding->units};
    return true;
}

static int64_t offset_of(const struct embedding *embedding, real x)
{
    return x >= 0 && x < (real)embedding->tokens ? (int64_t)x * embedding->units : 0;
}

static void embedding_forward(const struct layer *layer, struct pass *pass,
                              const struct tensor *const x[], struct tensor *y)
{
    const struct embedding *embedding = layer->memory;
    int64_t units = embedding->units;

    (void)pass;
    for (int64_t i = 0; i < x[0]->steps * x[0]->rows * x[0]->width; i++)
        memcpy(y->data + i * units, layer->parameter[0].value + offset_of(embedding, x[0]->data[i]),
               (size_t)units * sizeof(real));
}

/* Numbers have no gradient: dx is 0. */
static void embedding_backward(const struct layer *layer, struct pass *pass,
                               const struct tensor *const x[], const struct tensor *y,
                               const struct tensor *dy, struct tensor *const dx[])
{
    const struct embedding *embedding = layer->memory;
    int64_t n = x[0]->steps * x[0]->rows * x[0]->width, units = embedding->units;

    (void)y;
    for (int64_t i = 0; layer->parameter[0].gradient && i < n; i++)
        pass->kernel->add(layer->parameter[0].gradient + offset_of(embedding, x[0]->data[i]),
                          dy->data + i * units, units);
    if (dx[0])
        memset(dx[0]->data, 0, (size_t)n * sizeof(real));
}

const struct layer_kind layer_embedding = {
    .kind = {.name = "embedding",
             .help = "Each whole number becomes a row of a table that is learnt.",
             .config_size = sizeof(struct embedding_config),
             .settings = embedding_settings},
    .memory = sizeof(struct embedding),
    .build = embedding_build,
    .forward = embedding_forward,
    .backward = embedding_backward,
};
