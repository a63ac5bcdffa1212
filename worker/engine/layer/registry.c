/* All layers, alphabetically. */
#include "worker/engine/layer/layer.h"

extern const struct layer_kind layer_dense, layer_dropout, layer_gru, layer_leaky_relu, layer_lstm,
    layer_relu, layer_sigmoid, layer_simple_rnn, layer_tanh;

static const struct kind *const kinds[] = {
    &layer_dense.kind,   &layer_dropout.kind,
    &layer_gru.kind,     &layer_leaky_relu.kind,
    &layer_lstm.kind,    &layer_relu.kind,
    &layer_sigmoid.kind, &layer_simple_rnn.kind,
    &layer_tanh.kind,    NULL,
};

const struct kind_registry layer_registry = {.what = "layer", .kind = kinds};
