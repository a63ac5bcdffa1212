#include "worker/engine/transform/transform.h"

#include <stdlib.h>
#include <string.h>

const char *const fit_on_names[] = {"train", "train+test", NULL};

void transform_release(struct transform *transform)
{
    free(transform->column);
    free(transform->first);
    free(transform->state);
    *transform = (struct transform){0};
}

bool transform_give_state(struct transform *transform, int64_t each, struct error *error)
{
    int64_t n = transform->n_columns;

    transform->first = calloc((size_t)n + 1, sizeof(*transform->first));
    transform->state = calloc((size_t)(n * each) + 1, sizeof(*transform->state));
    if (!transform->first || !transform->state)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    for (int64_t i = 0; i <= n; i++)
        transform->first[i] = i * each;
    return true;
}

static void map_column(const struct transform *transform, int64_t i, const struct block *block)
{
    const struct transform_kind *kind = transform->kind;
    int64_t rows = block_rows(block), run = kind->along ? block->steps : rows;
    double *x = block_column(block, transform->column[i]);

    for (int64_t at = 0; at < rows; at += run)
        kind->map(transform_state(transform, i), transform_state_size(transform, i), x + at, run);
}

struct block *transform_apply(const struct transform *transform, struct block *in,
                              struct block *out)
{
    const struct transform_kind *kind = transform->kind;

    if (kind->apply) {
        out->n = in->n;
        out->steps = transform->steps > 0 ? transform->steps : in->steps;
        out->width = transform->width;
        kind->apply(transform, in, out);
        return out;
    }
    for (int64_t i = 0; kind->map && i < transform->n_columns; i++)
        map_column(transform, i, in);
    return in;
}
