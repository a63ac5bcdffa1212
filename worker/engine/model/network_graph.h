/*
 * Which layer of a network takes what, told from the flat list of a spec:
 *
 *   A layer takes what the one before it gives; the first one the data's only input.
 *   {type: branch, name: a}            what follows is branch a, and begins where the branches
 * since the last join began; from: an input, or an earlier branch {type: concat, of: [a, b]} what
 * follows goes on from the join; of: left out, all branches since the last join
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_NETWORK_GRAPH_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_NETWORK_GRAPH_H

#include "worker/engine/layer/layer.h"
#include "worker/engine/model/model.h"

#define GRAPH_BRANCHES_MAX 64
#define GRAPH_NOWHERE (-1000) /* several inputs, and none is named yet */

/* A source is a layer's index, or an input's: -1 - index. */
static inline int graph_input(int index)
{
    return -1 - index;
}

struct graph_branch {
    const char *name; /* borrowed */
    int source;       /* where it ends */
    bool open;        /* no join has taken it by default */
};

struct graph { /* while a list is read */
    const struct model_plan *plan;
    struct graph_branch branch[GRAPH_BRANCHES_MAX];
    int n_branches;
    int at;      /* what the next layer takes */
    int fork;    /* where branches begin */
    bool within; /* a branch: the last one of the list */
};

struct graph_node { /* of a layer */
    int source[LAYER_INPUTS_MAX];
    int n_sources;
    int n_uses;     /* layers that take its output */
    bool next_only; /* the layer behind it is the only one */
};

void graph_init(struct graph *graph, const struct model_plan *plan);
/* INVALID at `path`: names that are taken or unknown. */
bool graph_branch_off(struct graph *graph, const struct layer_branch_config *config,
                      const char *path, struct error *error);
/* What a layer takes, and that `index` is where the list goes on. */
bool graph_place(struct graph *graph, const struct layer_kind *kind, const void *config,
                 const char *path, int index, struct graph_node *ret_node, struct error *error);

#endif
