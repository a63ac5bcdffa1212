#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/preparation.h"

#include <stdio.h>
#include <string.h>

#include "common/owner.h"

struct reshape_config {
    struct transform_config base;
    int64_t steps, width;
};

static const struct setting reshape_settings[] = {
    SETTING_INTEGER(struct reshape_config, steps, 1, 0, 1e9, "steps",
                    "Steps of a sample; 0: as many as its values make with that width."),
    SETTING_INTEGER(struct reshape_config, width, 0, 0, 1e9, "columns",
                    "Columns of a step; 0: as many as its values make with those steps."),
    {0},
};

static bool resolve(const struct fitting *fitting, int64_t *ret_steps, int64_t *ret_width,
                    struct error *error)
{
    const struct reshape_config *config = fitting->config;
    int64_t values = fitting->layout->steps * fitting->layout->width;
    int64_t steps = config->steps, width = config->width;

    steps = steps == 0 && width > 0 ? values / width : steps;
    width = width == 0 && steps > 0 ? values / steps : width;
    *ret_steps = steps;
    *ret_width = width;
    return (steps > 0 && width > 0 && steps * width == values) ||
           error_set_at(error, ERROR_INVALID, fitting->path,
                        "the %lld values of a sample (%lld steps of %lld columns) do not make %lld "
                        "steps of %lld",
                        (long long)values, (long long)fitting->layout->steps,
                        (long long)fitting->layout->width, (long long)steps, (long long)width);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    int64_t steps, width;
    scoped(layout_release) struct layout out = {0};
    struct layout taken;

    if (!resolve(fitting, &steps, &width, error) ||
        !transform_give_state(fitting->transform, 0, error))
        return false;
    out.steps = steps;
    for (int64_t i = 0; i < fitting->layout->width; i++)
        if (fitting->layout->column[i].may_miss)
            fitting->feature[fitting->layout->column[i].feature].needed = true;
    for (int64_t i = 0; i < width; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "v%lld", (long long)i + 1);
        if (!layout_add(&out, &(struct layout_column){.name = name}, error))
            return false;
    }
    taken = *fitting->layout;
    *fitting->layout = out;
    out = taken;
    return true;
}

/* Values in order: step by step, column by column; 0 where a sample is shorter. */
static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    (void)transform;
    memset(out->value, 0, (size_t)(block_rows(out) * out->width) * sizeof(*out->value));
    for (int64_t k = 0; k < in->n; k++)
        for (int64_t t = 0, value = 0; t < in->steps; t++)
            for (int64_t j = 0; j < in->width; j++, value++)
                block_column(out, value % out->width)[k * out->steps + value / out->width] =
                    block_column(in, j)[k * in->steps + t];
}

const struct transform_kind transform_reshape = {
    .kind =
        {.name = "reshape",
         .help =
             "The values of a sample in other steps and columns, in the same order: a row "
             "of a table becomes a series, a window one long row. Behind it no mask tells which "
             "steps a shorter sample has: they are 0.",
         .config_size = sizeof(struct reshape_config),
         .settings = reshape_settings},
    .sort = LAYOUT_ANY,
    .makes_steps = true,
    .n_state = 0,
    .fit = fit,
    .apply = apply,
};
