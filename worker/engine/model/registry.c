/* All models that are not layers of a network, alphabetically; layers make a network. */
#include "worker/engine/layer/layer.h"
#include "worker/engine/model/model.h"

extern const struct model_kind model_boosted_trees;
extern const struct model_kind model_ensemble;

static const struct kind *const kinds[] = {
    &model_boosted_trees.kind,
    &model_ensemble.kind,
    NULL,
};

const struct kind_registry model_registry = {
    .what = "layer or model", .kind = kinds, .more = &layer_registry};
