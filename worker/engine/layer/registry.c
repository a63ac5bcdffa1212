/* All layers, alphabetically. */
#include "worker/engine/layer/layer.h"

extern const struct layer_kind layer_dense, layer_dropout, layer_leaky_relu, layer_relu,
    layer_sigmoid, layer_tanh;

static const struct kind *const kinds[] = {
    &layer_dense.kind,
    &layer_dropout.kind,
    &layer_leaky_relu.kind,
    &layer_relu.kind,
    &layer_sigmoid.kind,
    &layer_tanh.kind,
    NULL,
};

const struct kind_registry layer_registry = {.what = "layer", .kind = kinds};
