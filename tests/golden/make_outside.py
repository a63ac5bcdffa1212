"""Weights as Keras and NumPy store them, and what networks make of them: tests/golden/outside.*

    /usr/bin/python3 tests/golden/make_outside.py

The forward pass is written down here after Keras 2's documentation, for there is no Keras on the machines that test:
kernels [inputs][outputs], gates i f c o of an LSTM, z r h of a GRU with reset_after, its bias [2][3 units].
"""
import json
import os

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, WIDTH, UNITS, OUTPUTS, ROWS = 6, 3, 4, 2, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, kernel, recurrent, bias):
    h = c = np.zeros((len(x), UNITS))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        yield h


def gru(x, kernel, recurrent, bias):
    h = np.zeros((len(x), UNITS))
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        h = z * h + (1 - z) * np.tanh(xh + r * hh)
        yield h


def gru_before(x, kernel, recurrent, bias):
    h = np.zeros((len(x), UNITS))
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias, 3, axis=1)
        hz, hr, _ = np.split(h @ recurrent, 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        h = z * h + (1 - z) * np.tanh(xh + (r * h) @ recurrent[:, 2 * UNITS:])
        yield h


def named(rng, draw):
    """Layers with names of their own; the first two are of the same kind, in another order than their names'."""
    weights = {
        "wide/wide": {"kernel": draw(WIDTH, 4), "bias": draw(4)},
        "reader/reader/gru_cell_7": {"kernel": draw(4, 3 * UNITS), "recurrent_kernel": draw(UNITS, 3 * UNITS),
                                     "bias": draw(3 * UNITS)},
        "answer/answer": {"kernel": draw(UNITS, OUTPUTS), "bias": draw(OUTPUTS)},
    }
    with h5py.File(os.path.join(HERE, "outside_named.h5"), "w", libver="earliest") as file:
        for layer, arrays in weights.items():
            for name, value in arrays.items():
                file.create_dataset(f"{layer}/{name}:0", data=value, track_times=False)
    x = rng.normal(size=(ROWS, STEPS, WIDTH))
    wide, reader, answer = ({k: v.astype(np.float64) for k, v in part.items()} for part in weights.values())
    y = list(gru_before(x @ wide["kernel"] + wide["bias"], *reader.values()))[-1] @ answer["kernel"] + answer["bias"]
    return {"x": x.reshape(-1).tolist(), "y": y.reshape(-1).tolist()}


def main():
    rng = np.random.default_rng(11)

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32) * 0.5

    weights = {
        "conv1d_4/conv1d_4": {"kernel": draw(2, WIDTH, 5), "bias": draw(5)},
        "bidirectional_1/bidirectional_1/forward_lstm_1/lstm_cell": {
            "kernel": draw(5, 4 * UNITS), "recurrent_kernel": draw(UNITS, 4 * UNITS), "bias": draw(4 * UNITS)},
        "bidirectional_1/bidirectional_1/backward_lstm_1/lstm_cell": {
            "kernel": draw(5, 4 * UNITS), "recurrent_kernel": draw(UNITS, 4 * UNITS), "bias": draw(4 * UNITS)},
        "layer_normalization/layer_normalization": {"gamma": draw(2 * UNITS) + 1, "beta": draw(2 * UNITS)},
        "gru/gru/gru_cell": {"kernel": draw(2 * UNITS, 3 * UNITS), "recurrent_kernel": draw(UNITS, 3 * UNITS),
                             "bias": draw(2, 3 * UNITS)},
        "batch_normalization_2/batch_normalization_2": {
            "gamma": draw(UNITS) + 1, "beta": draw(UNITS), "moving_mean": draw(UNITS),
            "moving_variance": np.abs(draw(UNITS)) + 0.5},
        "dense_9/dense_9": {"kernel": draw(UNITS, 3), "bias": draw(3)},
        "dense_10/dense_10": {"kernel": draw(3, OUTPUTS), "bias": draw(OUTPUTS)},
    }
    with h5py.File(os.path.join(HERE, "outside.h5"), "w", libver="earliest") as file:
        group = file.create_group("model_weights")
        group.attrs["backend"] = np.bytes_("tensorflow")
        for layer, arrays in weights.items():
            for name, value in arrays.items():
                group.create_dataset(f"{layer}/{name}:0", data=value, track_times=False)
        file.create_dataset("optimizer_weights/Adam/dense_9/kernel/m:0", data=draw(UNITS, 3), track_times=False)

    def of(layer):
        return {name: value.astype(np.float64) for name, value in weights[next(k for k in weights if layer in k)].items()}

    x = rng.normal(size=(ROWS, STEPS, WIDTH))
    part = of("conv1d")
    y = np.stack([np.tensordot(x[:, t:t + 2], part["kernel"], axes=((1, 2), (0, 1))) + part["bias"]
                  for t in range(STEPS - 1)], axis=1)
    there = np.stack(list(lstm(y, *of("forward_lstm").values())), axis=1)
    back = np.stack(list(lstm(y[:, ::-1], *of("backward_lstm").values())), axis=1)[:, ::-1]
    y = np.concatenate([there, back], axis=2)
    part = of("layer_normalization")
    y = (y - y.mean(2, keepdims=True)) / np.sqrt(y.var(2, keepdims=True) + 1e-3) * part["gamma"] + part["beta"]
    y = list(gru(y, *of("gru/").values()))[-1]
    part = of("batch_normalization")
    y = (y - part["moving_mean"]) / np.sqrt(part["moving_variance"] + 1e-3) * part["gamma"] + part["beta"]
    for layer in ("dense_9", "dense_10"):
        y = y @ of(layer)["kernel"] + of(layer)["bias"]
    dense = {"dense1.weight": draw(3, 4), "dense1.bias": draw(3).astype(np.float64), "dense2.weight": draw(2, 3),
             "dense2.bias": np.array([1, -2])}
    np.savez(os.path.join(HERE, "outside.npz"), **dense)
    rows = rng.normal(size=(ROWS, 4))
    of_rows = (rows @ dense["dense1.weight"].T + dense["dense1.bias"]) @ dense["dense2.weight"].T + dense["dense2.bias"]
    with open(os.path.join(HERE, "outside.json"), "w", encoding="utf-8") as file:
        json.dump({"keras": {"x": x.reshape(-1).tolist(), "y": y.reshape(-1).tolist()},
                   "named": named(rng, draw),
                   "npz": {"x": rows.reshape(-1).tolist(), "y": of_rows.reshape(-1).tolist()}}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
