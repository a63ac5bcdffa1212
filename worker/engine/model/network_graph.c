#include "worker/engine/model/network_graph.h"

#include <stdio.h>
#include <string.h>

void graph_init(struct graph *graph, const struct model_plan *plan)
{
    *graph = (struct graph){.plan = plan};
    graph->at = plan->n_inputs == 1 ? graph_input(0) : GRAPH_NOWHERE;
    graph->fork = graph->at;
}

/* A branch ends where the next begins, or a join. */
static void end_branch(struct graph *graph)
{
    if (graph->within)
        graph->branch[graph->n_branches - 1].source = graph->at;
    else
        graph->fork = graph->at;
    graph->within = false;
}

static bool find(const struct graph *graph, const char *name, int *ret_source)
{
    for (int i = 0; i < graph->n_branches; i++)
        if (strcmp(graph->branch[i].name, name) == 0) {
            *ret_source = graph->branch[i].source;
            return true;
        }
    for (int i = 0; i < graph->plan->n_inputs; i++)
        if (strcmp(graph->plan->input[i].name, name) == 0) {
            *ret_source = graph_input(i);
            return true;
        }
    return false;
}

static bool look_up(const struct graph *graph, const char *name, const char *path,
                    const char *setting, int *ret_source, struct error *error)
{
    char place[96];

    if (find(graph, name, ret_source))
        return true;
    (void)snprintf(place, sizeof(place), "%s.%s", path, setting);
    return error_set_at(error, ERROR_INVALID, place, "there is no branch or input '%s' before this",
                        name);
}

bool graph_branch_off(struct graph *graph, const struct layer_branch_config *config,
                      const char *path, struct error *error)
{
    struct graph_branch *branch = &graph->branch[graph->n_branches];
    int source;

    end_branch(graph);
    source = graph->fork;
    if (config->from && !look_up(graph, config->from, path, "from", &source, error))
        return false;
    if (source == GRAPH_NOWHERE)
        return error_set_at(error, ERROR_INVALID, path,
                            "the data have several inputs; `from` names the one that this takes");
    if (graph->n_branches == GRAPH_BRANCHES_MAX)
        return error_set_at(error, ERROR_INVALID, path, "more than %d branches",
                            GRAPH_BRANCHES_MAX);
    if (find(graph, config->name, &(int){0}))
        return error_set_at(error, ERROR_INVALID, path, "the name '%s' is taken", config->name);
    *branch = (struct graph_branch){.name = config->name, .source = source, .open = true};
    graph->n_branches++;
    graph->within = true;
    graph->at = source;
    return true;
}

static bool add_source(struct graph_node *node, int source, const char *path, struct error *error)
{
    if (node->n_sources == LAYER_INPUTS_MAX)
        return error_set_at(error, ERROR_INVALID, path, "joins more than %d branches",
                            LAYER_INPUTS_MAX);
    node->source[node->n_sources++] = source;
    return true;
}

static bool join(struct graph *graph, const struct layer_join_config *config, const char *path,
                 struct graph_node *node, struct error *error)
{
    end_branch(graph);
    for (size_t i = 0; i < config->of.n; i++) {
        int source;

        if (!look_up(graph, config->of.item[i], path, "of", &source, error) ||
            !add_source(node, source, path, error))
            return false;
    }
    for (int i = 0; i < graph->n_branches; i++) {
        struct graph_branch *branch = &graph->branch[i];

        if (branch->open && config->of.n == 0 && !add_source(node, branch->source, path, error))
            return false;
        branch->open = false;
    }
    if (node->n_sources == 0)
        return error_set_at(error, ERROR_INVALID, path, "there is no branch to join");
    return true;
}

bool graph_place(struct graph *graph, const struct layer_kind *kind, const void *config,
                 const char *path, int index, struct graph_node *ret_node, struct error *error)
{
    struct graph_node node = {0};

    if (kind->role == LAYER_JOINS) {
        if (!join(graph, config, path, &node, error))
            return false;
    } else {
        if (graph->at == GRAPH_NOWHERE)
            return error_set_at(error, ERROR_INVALID, path,
                                "the data have several inputs; a branch names the one that this "
                                "takes: {type: branch, name: ..., from: %s}",
                                graph->plan->input[0].name);
        node.source[node.n_sources++] = graph->at;
    }
    *ret_node = node;
    graph->at = index;
    return true;
}
