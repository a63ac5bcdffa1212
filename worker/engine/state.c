#include "worker/engine/state.h"

#include <stdio.h>
#include <string.h>

static bool add_piece(struct state *state, const char *name, const struct state_piece *piece,
                      struct error *error)
{
    if (state->n == STATE_PIECES_MAX)
        return error_set(error, ERROR_INTERNAL, "no room to register %s", name);
    for (int i = 0; i < state->n; i++)
        if (strcmp(state->piece[i].name, name) == 0)
            return error_set(error, ERROR_INTERNAL, "%s is registered twice", name);
    state->piece[state->n] = *piece;
    (void)snprintf(state->piece[state->n].name, STATE_NAME_SIZE, "%s", name);
    state->n++;
    return true;
}

bool state_add(struct state *state, const char *name, void *data, size_t size, struct error *error)
{
    return add_piece(state, name, &(struct state_piece){.data = data, .size = size}, error);
}

bool state_add_source(struct state *state, const char *name, const struct state_source *source,
                      struct error *error)
{
    return add_piece(state, name, &(struct state_piece){.source = *source}, error);
}
