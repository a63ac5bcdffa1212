#include "worker/engine/transform/element.h"

#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/transform/row_stream.h"

bool element_fit(struct fitting *fitting, double offset, double lowest, bool open,
                 struct error *error)
{
    struct transform *transform = fitting->transform;
    scoped(memory_free) struct column_figures *figures =
        calloc((size_t)transform->n_columns + 1, sizeof(*figures));

    if (!figures)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!transform_give_state(transform, ELEMENT_STATE, error) ||
        !row_stream_figures(fitting->rows, transform->column, transform->n_columns, figures, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        double least = figures[i].minimum + offset, *state = transform_state(transform, i);

        if (least < lowest || (open && least == lowest))
            return error_set_at(error, ERROR_INVALID, fitting->path,
                                "'%s' is %g in a training row, and with the offset it has to be %s "
                                "%g",
                                fitting->layout->column[transform->column[i]].name,
                                figures[i].minimum, open ? "above" : "at least", lowest);
        state[0] = offset;
        state[1] = figures[i].n > 0 ? least : lowest + open;
    }
    return true;
}

void element_clip(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++) {
        x[i] = x[i] < state[0] ? state[0] : x[i];
        x[i] = x[i] > state[1] ? state[1] : x[i];
    }
}
