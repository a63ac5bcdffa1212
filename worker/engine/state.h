/*
 * The registered state: every piece of memory that survives a training step, by name. A checkpoint
 * writes all of it and nothing else, so that what is not registered cannot be resumed, and what is
 * cannot be forgotten. Pieces are borrowed; they stay where they are as long as the state is used.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_STATE_H
#define NIGHTJAR_WORKER_ENGINE_STATE_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

#define STATE_NAME_SIZE 56
#define STATE_PIECES_MAX 64

/* A piece whose size changes: whoever owns it gives its bytes and takes them back. */
struct state_source {
    void *context; /* borrowed by both */
    /* The bytes, valid until the next call. */
    bool (*save)(void *context, const void **ret_data, uint64_t *ret_size, struct error *error);
    bool (*load)(void *context, const void *data, uint64_t size, struct error *error);
};

struct state_piece {
    char name[STATE_NAME_SIZE]; /* "weights" */
    void *data;                 /* borrowed; NULL: of a source */
    uint64_t size;              /* bytes */
    struct state_source source;
};

struct state { /* all-zero is a valid empty one */
    struct state_piece piece[STATE_PIECES_MAX];
    int n;
};

/* Names are unique; INTERNAL where the table is full or the name is taken. */
bool state_add(struct state *state, const char *name, void *data, size_t size, struct error *error);
bool state_add_source(struct state *state, const char *name, const struct state_source *source,
                      struct error *error);

#endif
