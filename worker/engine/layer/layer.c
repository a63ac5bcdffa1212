/* What every layer's build() uses. */
#include "worker/engine/layer/layer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/spec/expression.h"
#include "worker/engine/initializer/initializer.h"

int layer_add_parameter(struct layer *layer, const char *name, int64_t rows, int64_t columns,
                        const struct kind_choice *initializer)
{
    struct parameter *parameter = &layer->parameter[layer->n_parameters];

    assert(layer->n_parameters < LAYER_PARAMETERS_MAX);
    *parameter =
        (struct parameter){.rows = rows, .columns = columns, .fan_in = columns, .fan_out = rows};
    if (initializer)
        parameter->initializer = *initializer;
    (void)snprintf(parameter->name, sizeof(parameter->name), "%s.%s", layer->name, name);
    return layer->n_parameters++;
}

int layer_add_vector(struct layer *layer, const char *name, int64_t rows,
                     const struct kind_choice *initializer)
{
    int index = layer_add_parameter(layer, name, rows, 1, initializer);

    layer->parameter[index].is_vector = true;
    return index;
}

int layer_add_state(struct layer *layer, const char *name, int64_t rows,
                    const struct kind_choice *initializer)
{
    int index = layer_add_vector(layer, name, rows, initializer);

    layer->parameter[index].is_state = true;
    return index;
}

struct kind_choice layer_initializer(const char *name, const void *config)
{
    struct kind_choice choice = {.kind = kind_find(&initializer_registry, name)};

    memcpy((void *)&choice.config, (const void *)&config, sizeof(config)); /* only read */
    return choice;
}

int layer_add_buffer(struct layer *layer, enum buffer_life life, int64_t per_row, int64_t fixed)
{
    assert(layer->n_buffers < LAYER_BUFFERS_MAX);
    layer->buffer[layer->n_buffers] =
        (struct layer_buffer){.life = life, .per_row = per_row, .fixed = fixed};
    return layer->n_buffers++;
}

int layer_add_carried(struct layer *layer, int64_t per_row)
{
    int carried = layer_add_buffer(layer, BUFFER_CARRIED, per_row, 0);

    (void)layer_add_buffer(layer, BUFFER_LEFT, per_row, 0);
    return carried;
}

static const struct setting *find_setting(const struct layer *layer, const char *name)
{
    const struct setting *setting = layer->kind->kind.settings;

    while (setting->name && strcmp(setting->name, name) != 0)
        setting++;
    assert(setting->name);
    return setting;
}

bool layer_size(const struct layer *layer, const char *setting, const char *text, int64_t *ret,
                struct error *error)
{
    const struct setting *row = find_setting(layer, setting);
    char path[sizeof(layer->path) + 64];
    struct error cause = {0};
    int64_t value;

    (void)snprintf(path, sizeof(path), "%s.%s", layer->path, setting);
    if (!expression_evaluate(text, layer->variable, layer->n_variables, &value, &cause))
        return error_set_at(error, cause.kind, path, "%s", cause.message);
    if ((double)value < row->low || (double)value > row->high)
        return error_set_at(error, ERROR_INVALID, path,
                            "%s is %" PRId64 ", which is outside [%.0f, %.0f]", text, value,
                            row->low, row->high);
    *ret = value;
    return true;
}

void layer_rows_of_steps(const struct tensor *tensor, real *ret_rows)
{
    size_t size = (size_t)tensor->width * sizeof(real);

    for (int64_t row = 0; row < tensor->rows; row++)
        for (int64_t step = 0; step < tensor->steps; step++, ret_rows += tensor->width)
            memcpy(ret_rows, tensor->data + (step * tensor->rows + row) * tensor->width, size);
}

void layer_steps_of_rows(const real *rows, struct tensor *tensor)
{
    size_t size = (size_t)tensor->width * sizeof(real);

    for (int64_t row = 0; row < tensor->rows; row++)
        for (int64_t step = 0; step < tensor->steps; step++, rows += tensor->width)
            memcpy(tensor->data + (step * tensor->rows + row) * tensor->width, rows, size);
}
