#include "worker/engine/transform/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/transform/preparation.h"

struct onehot_config {
    struct transform_config base;
};

static const struct setting onehot_settings[] = {
    TRANSFORM_SETTINGS(struct onehot_config),
    {0},
};

/* A chosen column makes way for one of each of its categories; state: how many they are. */
static bool fit(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;
    scoped(layout_release) struct layout out = {.steps = fitting->layout->steps};
    struct layout taken;

    if (!transform_give_state(transform, 1, error))
        return false;
    for (int64_t i = 0, k = 0; i < fitting->layout->width; i++) {
        const struct layout_column *column = &fitting->layout->column[i];
        bool chosen = k < transform->n_columns && transform->column[k] == i;

        if (chosen)
            transform_state(transform, k++)[0] = (double)column->n_categories;
        else if (!layout_add(&out, column, error))
            return false;
        for (int64_t j = 0; chosen && j < column->n_categories; j++) {
            char name[192];

            (void)snprintf(name, sizeof(name), "%s=%s", column->name,
                           fitting->feature[column->feature].category[j]);
            if (!layout_add(&out, &(struct layout_column){.name = name, .feature = column->feature},
                            error))
                return false;
        }
    }
    taken = *fitting->layout;
    *fitting->layout = out;
    out = taken;
    return true;
}

static void encode(const double *code, int64_t n, int64_t n_categories, double *out)
{
    memset(out, 0, (size_t)(n * n_categories) * sizeof(*out));
    for (int64_t i = 0; i < n; i++)
        if (code[i] >= 0)
            out[(int64_t)code[i] * n + i] = 1;
}

static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    int64_t rows = block_rows(in), to = 0;

    for (int64_t i = 0, k = 0; i < in->width; i++) {
        int64_t n = 1;

        if (k < transform->n_columns && transform->column[k] == i) {
            n = (int64_t)transform_state(transform, k++)[0];
            encode(block_column(in, i), rows, n, block_column(out, to));
        } else {
            memcpy(block_column(out, to), block_column(in, i), (size_t)rows * sizeof(double));
        }
        to += n;
    }
}

const struct transform_kind transform_onehot = {
    .kind = {.name = "onehot",
             .help = "A category becomes as many columns as there are: 1 in its own, 0 in the "
                     "others, and in all of them where it is missing or was never seen. What is "
                     "left of categories at the end becomes so by itself.",
             .config_size = sizeof(struct onehot_config),
             .settings = onehot_settings},
    .sort = LAYOUT_CATEGORIES,
    .n_state = 1,
    .fit = fit,
    .apply = apply,
};
