#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/row_stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

struct indicator_config {
    struct transform_config base;
};

static const struct setting indicator_settings[] = {
    TRANSFORM_SETTINGS(struct indicator_config),
    {0},
};

/* Not named, only columns that have missing values in the training rows get one. */
static bool choose(struct fitting *fitting, struct error *error)
{
    const struct transform_config *config = fitting->config;
    struct transform *transform = fitting->transform;
    int64_t n = 0;
    scoped(memory_free) struct column_figures *figures =
        calloc((size_t)transform->n_columns + 1, sizeof(*figures));

    if (!figures)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!row_stream_figures(fitting->rows, transform->column, transform->n_columns, figures, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        if (config->columns.n > 0 || figures[i].n_missing > 0)
            transform->column[n++] = transform->column[i];
    transform->n_columns = n;
    return true;
}

static bool fit(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;

    if (!choose(fitting, error) || !transform_give_state(transform, 0, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        const struct layout_column *of = &fitting->layout->column[transform->column[i]];
        struct layout_column column = {.feature = of->feature};
        char name[192];

        (void)snprintf(name, sizeof(name), "%s missing", of->name);
        column.name = name;
        if (!layout_add(fitting->layout, &column, error))
            return false;
    }
    return true;
}

static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    int64_t rows = block_rows(in);

    memcpy(out->value, in->value, (size_t)(in->width * rows) * sizeof(double));
    for (int64_t i = 0; i < transform->n_columns; i++) {
        const double *x = block_column(in, transform->column[i]);
        double *to = block_column(out, in->width + i);

        for (int64_t k = 0; k < rows; k++)
            to[k] = isnan(x[k]);
    }
}

const struct transform_kind transform_indicator = {
    .kind = {.name = "indicator",
             .help = "One more column for each: 1 where its value is missing. Without names, for "
                     "those columns that miss some in the training rows.",
             .config_size = sizeof(struct indicator_config),
             .settings = indicator_settings},
    .n_state = 0,
    .fit = fit,
    .apply = apply,
};
