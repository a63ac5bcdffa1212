/* What a network's training tells about itself: gradients, steps and units, by layer. */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_INSPECT_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_INSPECT_H

#include "worker/engine/model/network.h"

/* Before a step's first trip. */
bool inspect_begin(struct network *network, struct error *error);
/* After each of its trips, backward too. `first`: of the whole training. */
void inspect_trip(struct network *network, bool first);
/* After the last, before the update. *serious is set where nothing can be learnt like this. */
bool inspect_step(struct network *network, bool first, bool *serious, struct error *error);

/* Round the first update: what was trainable and stayed, or frozen and did not. */
struct inspect_moves {
    real *before; /* owned; NULL: this is not the first update */
};
bool inspect_before(struct inspect_moves *moves, const struct network *network,
                    struct error *error);
bool inspect_after(struct inspect_moves *moves, const struct network *network, int64_t epoch,
                   bool *serious, struct error *error);
void inspect_release(struct inspect_moves *moves);

#endif
