/* All layers, alphabetically. */
#include "worker/engine/layer/layer.h"

extern const struct layer_kind layer_add, layer_average_pool1d, layer_batch_norm, layer_branch,
    layer_concat, layer_conv1d, layer_dense, layer_dropout, layer_elu, layer_embedding,
    layer_flatten, layer_gelu, layer_global_average_pool, layer_global_max_pool, layer_gru,
    layer_hard_sigmoid, layer_layer_norm, layer_leaky_relu, layer_lstm, layer_max_pool1d,
    layer_mean, layer_multiply, layer_relu, layer_repeat, layer_reshape, layer_sigmoid,
    layer_simple_rnn, layer_slice, layer_softmax, layer_softplus, layer_tanh;

static const struct kind *const kinds[] = {
    &layer_add.kind,
    &layer_average_pool1d.kind,
    &layer_batch_norm.kind,
    &layer_branch.kind,
    &layer_concat.kind,
    &layer_conv1d.kind,
    &layer_dense.kind,
    &layer_dropout.kind,
    &layer_elu.kind,
    &layer_embedding.kind,
    &layer_flatten.kind,
    &layer_gelu.kind,
    &layer_global_average_pool.kind,
    &layer_global_max_pool.kind,
    &layer_gru.kind,
    &layer_hard_sigmoid.kind,
    &layer_layer_norm.kind,
    &layer_leaky_relu.kind,
    &layer_lstm.kind,
    &layer_max_pool1d.kind,
    &layer_mean.kind,
    &layer_multiply.kind,
    &layer_relu.kind,
    &layer_repeat.kind,
    &layer_reshape.kind,
    &layer_sigmoid.kind,
    &layer_simple_rnn.kind,
    &layer_slice.kind,
    &layer_softmax.kind,
    &layer_softplus.kind,
    &layer_tanh.kind,
    NULL,
};

const struct kind_registry layer_registry = {.what = "layer", .kind = kinds};
