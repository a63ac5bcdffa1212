/* What a network's training tells about itself: gradients, steps and units, by layer. */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_INSPECT_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_INSPECT_H

#include "worker/engine/model/network.h"

/* A step, over its trips. */
struct inspect_step {
    bool first;  /* of the whole training */
    bool *alive; /* owned: units that were not 0 for each row, layer by layer */
    bool input_alive[SAMPLE_INPUTS_MAX];
    bool *sleeps; /* owned, of each layer: the data gave it nothing but 0 */
    int64_t rows;
    double largest; /* of the inputs, without their sign */
};
void inspect_step_release(struct inspect_step *step);
/* Before its first trip; all but `first` is all-zero. */
bool inspect_begin(struct inspect_step *step, const struct network *network, struct error *error);
/* After each of its trips, backward too. */
void inspect_trip(struct inspect_step *step, const struct network *network);
/* After the last, before the update. *serious is set where nothing can be learnt like this. */
bool inspect_end(struct inspect_step *step, struct network *network, bool *serious,
                 struct error *error);

/* Round the first update: what was trainable and stayed, or frozen and did not. */
struct inspect_moves {
    real *before; /* owned; NULL: this is not the first update */
    char *due;    /* owned: what each parameter is expected to do (inspect.c) */
};
bool inspect_before(struct inspect_moves *moves, const struct network *network,
                    const struct update_moment *moment, struct error *error);
bool inspect_after(struct inspect_moves *moves, const struct network *network,
                   const struct update_moment *moment, bool *serious, struct error *error);
void inspect_moves_release(struct inspect_moves *moves);

#endif
