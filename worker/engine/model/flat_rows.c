#include "worker/engine/model/flat_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int64_t flat_width(const struct sample_input *input, int n_inputs)
{
    int64_t width = 0;

    for (int i = 0; i < n_inputs; i++)
        width += input[i].shape.steps * input[i].shape.width;
    return width;
}

void flat_rows_release(struct flat_rows *rows)
{
    free(rows->value);
    free(rows->gathered);
    free(rows->length);
    *rows = (struct flat_rows){0};
}

bool flat_rows_init(struct flat_rows *rows, const struct sample_input *input, int n_inputs,
                    int64_t capacity, struct error *error)
{
    bool plain = n_inputs == 1 && input->shape.steps == 1;
    size_t n;

    *rows = (struct flat_rows){.capacity = capacity, .width = flat_width(input, n_inputs)};
    n = (size_t)(capacity * rows->width) + 1;
    rows->value = malloc(n * sizeof(real));
    rows->length = malloc(((size_t)capacity * SAMPLE_INPUTS_MAX + 1) * sizeof(*rows->length));
    if (!plain)
        rows->gathered = malloc(n * sizeof(real));
    if (rows->value && rows->length && (plain || rows->gathered))
        return true;
    flat_rows_release(rows);
    return error_set(error, ERROR_NO_MEMORY, "%lld rows", (long long)capacity);
}

/* An input's part of every row. */
static void spread(struct flat_rows *rows, const struct tensor *x, int64_t first)
{
    for (int64_t step = 0; step < x->steps; step++)
        for (int64_t i = 0; i < x->rows; i++)
            memcpy(rows->value + i * rows->width + first + step * x->width,
                   x->data + (step * x->rows + i) * x->width, (size_t)x->width * sizeof(real));
}

void flat_rows_gather(struct flat_rows *rows, const struct sample_set *set, const int64_t *row,
                      int64_t n)
{
    struct tensor x[SAMPLE_INPUTS_MAX];
    int32_t *length[SAMPLE_INPUTS_MAX];
    real *to = rows->gathered ? rows->gathered : rows->value;
    int64_t first = 0;

    assert(n <= rows->capacity);
    for (int i = 0; i < set->n_inputs; i++) {
        const struct shape *shape = &set->input[i].shape;

        x[i] = (struct tensor){.data = to, .steps = shape->steps, .rows = n, .width = shape->width};
        length[i] = set->input[i].varies ? rows->length + i * rows->capacity : NULL;
        to += n * shape->steps * shape->width;
    }
    set->gather(set, row, n, x, length);
    for (int i = 0; i < set->n_inputs && rows->gathered; i++) {
        spread(rows, &x[i], first);
        first += x[i].steps * x[i].width;
    }
}
