/* Trips of batches through a network: memory, gathering, forward, loss, backward. */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_PASS_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_PASS_H

#include "worker/engine/model/network.h"

/* Elements that a pass for batches of up to `capacity` rows takes. */
int64_t pass_elements(const struct network *network, int64_t capacity, bool training);
/* block: room for so many elements, borrowed; nothing in it outlasts the next pass_gather but what
 * is carried, and with pass.same_weights what was packed. */
bool pass_init(struct network_pass *pass, const struct network *network, int64_t capacity,
               bool training, real *block, struct error *error);
void pass_release(struct network_pass *pass); /* all-zero is fine */

/* Nothing is carried on from what came before. */
void pass_forget(struct network_pass *pass);
/* What the rows' samples left is there for those that follow them; after pass_forward. */
void pass_carry(struct network_pass *pass, const struct network *network, const int64_t *row,
                int64_t n);

/* In this order, n <= capacity. `truth`: labels or targets too, which pass_loss needs. */
void pass_gather(struct network_pass *pass, const struct network *network,
                 const struct sample_set *set, const int64_t *row, int64_t n, bool truth);
/* What the loss of these rows is divided by, as a batch of their own; any number of them, before
 * pass_gather. */
double pass_divisor(struct network_pass *pass, const struct network *network,
                    const struct sample_set *set, const int64_t *row, int64_t n);
const struct tensor *pass_forward(struct network_pass *pass, const struct network *network);
void pass_loss(struct network_pass *pass, const struct network *network, struct loss_sum *sum);
/* After pass_loss: adds the losses of its rows to those of their classes, each row once. */
void pass_sum_classes(const struct network_pass *pass, const struct network *network,
                      struct loss_sum *class_sum);
/* After pass_loss: what the loss remembers of the batch. */
void pass_learn(const struct network_pass *pass, struct network *network);
void pass_backward(struct network_pass *pass, const struct network *network);

#endif
