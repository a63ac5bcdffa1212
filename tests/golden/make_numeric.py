#!/usr/bin/python3
"""Golden values of the learning engine: metrics from scikit-learn, a network and optimizers from PyTorch.

Writes metrics.json, network.json and layers.json beside itself; all are checked in. Inputs are in the files too, so
that the tests need neither library. Needs scikit-learn 1.2 and torch 1.13 (Debian 12's).
"""
import json
import os
import warnings

import numpy as np
import torch
from sklearn import metrics as m

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, value):
    with open(os.path.join(HERE, name), "w") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")


def probabilities(rng, n, k, sharpness):
    x = rng.normal(size=(n, k)) * sharpness
    p = np.exp(x - x.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def classification(name, label, p):
    k = p.shape[1]
    guess = p.argmax(axis=1)
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    values = {
        "accuracy": m.accuracy_score(label, guess),
        "balanced_accuracy": m.balanced_accuracy_score(label, guess),
        "macro_f1": m.f1_score(label, guess, average="macro"),
        "log_loss": m.log_loss(label, p, eps=1e-15, labels=range(k)),
    }
    for c in range(k):
        mine = label == c
        if mine.any():
            values[f"log_loss_class[c{c}]"] = float(np.mean(-np.log(clipped[mine, c])))
    values["mcc"] = m.matthews_corrcoef(label, guess)
    values["kappa"] = m.cohen_kappa_score(label, guess)
    values["top_3_accuracy"] = 1.0 if k <= 3 else m.top_k_accuracy_score(label, p, k=3, labels=range(k))
    if len(set(label)) == k:
        values["average_precision"] = (m.average_precision_score(label, p[:, 1]) if k == 2 else
                                       m.average_precision_score(np.eye(k)[label], p, average="macro"))
        values["auc"] = (m.roc_auc_score(label, p[:, 1]) if k == 2 else
                         m.roc_auc_score(label, p, multi_class="ovr", average="macro"))
    return {"name": name, "classes": k, "label": label.tolist(), "prediction": p.ravel().tolist(),
            "values": values,
            "confusion": m.confusion_matrix(label, guess, labels=range(k)).ravel().tolist()}


def regression(name, target, prediction):
    values = {
        "mae": m.mean_absolute_error(target, prediction),
        "rmse": m.mean_squared_error(target, prediction, squared=False),
        "r2": m.r2_score(target, prediction),
        "pinball[0.5]": m.mean_pinball_loss(target, prediction),
    }
    n_targets = target.shape[1]
    for t in range(n_targets if n_targets > 1 else 0):
        values[f"mae[c{t}]"] = m.mean_absolute_error(target[:, t], prediction[:, t])
        values[f"rmse[c{t}]"] = m.mean_squared_error(target[:, t], prediction[:, t], squared=False)
        values[f"r2[c{t}]"] = m.r2_score(target[:, t], prediction[:, t])
    return {"name": name, "targets": n_targets, "target": target.ravel().tolist(),
            "prediction": prediction.ravel().tolist(), "values": values}


def make_metrics():
    rng = np.random.default_rng(20261122)
    cases = []
    label = rng.integers(0, 2, 40)
    cases.append(classification("binary", label, probabilities(rng, 40, 2, 1.5)))
    label = np.concatenate([np.arange(4), rng.integers(0, 4, 46)])
    cases.append(classification("four classes", label, probabilities(rng, 50, 4, 1)))
    coarse = np.round(probabilities(rng, 50, 3, 1) * 4 + 0.5)  # many equal scores
    coarse /= coarse.sum(axis=1, keepdims=True)
    label = np.concatenate([np.arange(3), rng.integers(0, 3, 47)])
    cases.append(classification("ties", label, coarse))
    label = rng.integers(0, 2, 30)  # class 2 never occurs, but is predicted
    cases.append(classification("absent class", label, probabilities(rng, 30, 3, 2)))
    hard = np.eye(3)[rng.integers(0, 3, 20)]  # certain and often wrong: the clip decides
    label = np.concatenate([np.arange(3), rng.integers(0, 3, 17)])
    cases.append(classification("certain", label, hard))
    truth = rng.normal(size=(35, 1)) * 3 + 100
    cases_r = [regression("one target", truth, truth + rng.normal(size=truth.shape))]
    truth = rng.normal(size=(35, 3)) * [1, 100, 0.01] + [0, 1000, 5]
    cases_r.append(regression("three targets", truth, truth + rng.normal(size=truth.shape) * [1, 30, 0.02]))
    constant = np.full((10, 1), 7.0)
    cases_r.append(regression("constant target", constant, constant + rng.normal(size=(10, 1))))
    cases_r.append(regression("constant target found", constant, constant))
    write("metrics.json", {"classification": cases, "regression": cases_r})


class Net(torch.nn.Module):
    """9 -> 7 relu -> 6 tanh -> leaky_relu -> 5 sigmoid -> outputs, as the tests' spec says."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.dense = torch.nn.ModuleList(
            [torch.nn.Linear(a, b) for a, b in ((n_in, 7), (7, 6), (6, 5), (5, n_out))])

    def forward(self, x):
        x = torch.relu(self.dense[0](x))
        x = torch.nn.functional.leaky_relu(torch.tanh(self.dense[1](x)), 0.01)
        x = torch.sigmoid(self.dense[2](x))
        return self.dense[3](x)


def parameters(net):
    result = {}
    for i, layer in enumerate(net.dense):
        result[f"dense{i + 1}.weight"] = layer.weight
        result[f"dense{i + 1}.bias"] = layer.bias
    return result


def flat(tensors):
    return {name: value.detach().reshape(-1).tolist() for name, value in tensors.items()}


def train_case(name, task, spec, make_optimizer, weight=None, steps=10, before_step=lambda p: None, criterion=None,
               truth=None, width=None, classes=4):
    torch.manual_seed(3)
    n, n_in, n_out = 12, 9, classes if task == "classification" else 2
    x = torch.randn(n, n_in)
    net = Net(n_in, width or n_out)
    label = torch.randint(0, n_out, (n,))
    target = torch.randn(n, n_out)
    if truth:
        target = truth(target)
    criterion = criterion or (torch.nn.CrossEntropyLoss(weight=None if weight is None else torch.tensor(weight))
                              if task == "classification" else torch.nn.MSELoss())
    truth = label if task == "classification" else target
    case = {"name": name, "task": task, "train": spec, "n": n, "inputs": n_in,
            "outputs": n_out, "x": x.reshape(-1).tolist(), "label": label.tolist(),
            "target": target.reshape(-1).tolist(), "initial": flat(parameters(net))}
    optimizer = make_optimizer(list(net.parameters()))
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        output = net(x)
        loss = criterion(output, truth)
        loss.backward()
        if step == 0:
            case["output"] = output.detach().reshape(-1).tolist()
            case["gradient"] = flat({k: v.grad for k, v in parameters(net).items()})
        losses.append(loss.item())
        before_step(list(net.parameters()))
        optimizer.step()
    case["losses"] = losses
    case["final"] = flat(parameters(net))
    return case


class Nadam(torch.optim.Optimizer):
    """As torch.optim.NAdam from 2.0 on; 1.13's takes one momentum too many into the product."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.steps, self.product = 0, 1.0

    @torch.no_grad()
    def step(self):
        self.steps += 1
        now, after = (0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in (self.steps, self.steps + 1))
        self.product *= now
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["m"] = 0.9 * state.get("m", 0) + 0.1 * p.grad
                state["v"] = 0.999 * state.get("v", 0) + 0.001 * p.grad ** 2
                size = (state["v"] / (1 - 0.999 ** self.steps)).sqrt() + 1e-8
                p -= group["lr"] * ((1 - now) / (1 - self.product) * p.grad
                                    + after / (1 - self.product * after) * state["m"]) / size


def make_network():
    torch.set_default_dtype(torch.float64)
    optim, clip = torch.optim, torch.nn.utils
    weight = [0.5, 2.0, 1.0, 0.25]

    def case(name, task, optimizer, make_optimizer, loss=None, weight=None, before_step=lambda p: None, **train):
        loss = loss or ("cross_entropy" if task == "classification" else "mse")
        return train_case(name, task, {"loss": loss, "optimizer": optimizer, **train}, make_optimizer, weight,
                          before_step=before_step)

    def loss(name, task, spec, criterion, **more):
        return train_case(name, task, {"loss": spec, "optimizer": {"type": "adam", "rate": 0.01}},
                          lambda p: optim.Adam(p, lr=0.01), criterion=criterion, **more)

    soft = torch.nn.functional.softplus

    def gaussian(y, t):
        y = y.view(len(t), 2, 2)
        return torch.nn.GaussianNLLLoss(full=True)(y[..., 0], t, (soft(y[..., 1]) + 1e-6) ** 2)

    def mixture(y, t):
        y, d = y.view(len(t), 2, 9), torch.distributions
        density = d.MixtureSameFamily(d.Categorical(logits=y[..., 6:]),
                                      d.Normal(y[..., :3], y[..., 3:6].exp() + 1e-6))
        return -density.log_prob(t).mean()

    def pinball(y, t):
        levels = torch.tensor([0.1, 0.5, 0.9])
        above = t[..., None] - y.view(len(t), 2, 3)
        return torch.maximum(levels * above, (levels - 1) * above).mean()

    def first_layer_apart(p):  # a tenth of the rate, and no step for the last layer
        return optim.Adam([{"params": p[:2], "lr": 0.001}, {"params": p[2:6]}], lr=0.01)

    cases = [
        case("adam", "classification", {"type": "adam", "rate": 0.01}, lambda p: optim.Adam(p, lr=0.01)),
        case("adam, other decays", "classification",
             {"type": "adam", "rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
             lambda p: optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4)),
        case("sgd, weighted classes", "classification", {"type": "sgd", "rate": 0.1},
             lambda p: optim.SGD(p, lr=0.1), {"type": "cross_entropy", "class_weights": weight}, weight),
        case("momentum", "regression", {"type": "sgd", "rate": 0.05, "momentum": 0.9},
             lambda p: optim.SGD(p, lr=0.05, momentum=0.9)),
        case("nesterov", "regression", {"type": "sgd", "rate": 0.05, "momentum": 0.8, "nesterov": True},
             lambda p: optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True)),
        case("adamw", "classification", {"type": "adamw", "rate": 0.01, "decay": 0.1},
             lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1)),
        case("amsgrad", "regression", {"type": "amsgrad", "rate": 0.05, "beta2": 0.9},
             lambda p: optim.Adam(p, lr=0.05, betas=(0.9, 0.9), amsgrad=True)),
        case("nadam", "classification", {"type": "nadam", "rate": 0.02}, lambda p: Nadam(p, lr=0.02)),
        case("rmsprop", "classification", {"type": "rmsprop", "rate": 0.005}, lambda p: optim.RMSprop(p, lr=0.005)),
        case("rmsprop, centered, momentum", "regression",
             {"type": "rmsprop", "rate": 0.002, "decay": 0.9, "momentum": 0.7, "centered": True},
             lambda p: optim.RMSprop(p, lr=0.002, alpha=0.9, momentum=0.7, centered=True)),
        case("adagrad", "classification", {"type": "adagrad", "rate": 0.05, "decay": 0.1},
             lambda p: optim.Adagrad(p, lr=0.05, lr_decay=0.1)),
        case("adadelta", "regression", {"type": "adadelta", "rate": 0.8}, lambda p: optim.Adadelta(p, lr=0.8)),
        case("l2 on all", "regression", {"type": "sgd", "rate": 0.1, "momentum": 0.5},
             lambda p: optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.03),
             parameters=[{"type": "l2", "match": "*", "strength": 0.03}]),
        case("clipped values", "classification", {"type": "adam", "rate": 0.01}, lambda p: optim.Adam(p, lr=0.01),
             clip={"value": 0.01}, before_step=lambda p: clip.clip_grad_value_(p, 0.01)),
        case("clipped norm", "regression", {"type": "sgd", "rate": 0.1}, lambda p: optim.SGD(p, lr=0.1),
             clip={"norm": 0.2}, before_step=lambda p: clip.clip_grad_norm_(p, 0.2)),
        case("groups", "classification", {"type": "adam", "rate": 0.01}, first_layer_apart,
             parameters=[{"type": "rate", "match": "dense1.*", "factor": 0.1},
                         {"type": "freeze", "match": "dense4.*"}]),
        loss("label smoothing", "classification",
             {"type": "cross_entropy", "smoothing": 0.1, "class_weights": weight},
             torch.nn.CrossEntropyLoss(weight=torch.tensor(weight), label_smoothing=0.1)),
        loss("huber", "regression", {"type": "huber", "delta": 0.7}, torch.nn.HuberLoss(delta=0.7)),
        loss("mae", "regression", "mae", torch.nn.L1Loss()),
        loss("poisson", "regression", "poisson", torch.nn.PoissonNLLLoss(), truth=lambda t: (3 * t.abs()).floor()),
        loss("several labels", "regression", {"type": "binary", "positive_weight": 2.5},
             torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.5)), truth=lambda t: (t > 0).double()),
        loss("two classes", "classification", "binary",
             lambda y, t: torch.nn.BCEWithLogitsLoss()(y[:, 0], t.double()), width=1, classes=2),
        loss("gaussian likelihood", "regression", "normal", gaussian, width=4),
        loss("mixture density", "regression", {"type": "normal", "components": 3, "sigma": "exp"}, mixture, width=18),
        loss("quantiles", "regression", "quantile", pinball, width=6),
        loss("log-normal likelihood", "regression", {"type": "log_normal", "center": [0, 0], "spread": [1, 1]},
             lambda y, t: gaussian(y, t.log()), width=4, truth=lambda t: t.exp()),
    ]
    write("network.json", cases)


RECURRENT = {"weight": "weight_ih_l0", "recurrent": "weight_hh_l0", "bias": "bias_ih_l0", "recurrent_bias": "bias_hh_l0"}


def recurrent_parameters(name, module):
    result = {f"{name}.{ours}": getattr(module, theirs) for ours, theirs in RECURRENT.items()}
    if module.bidirectional:
        result.update({f"{name}.back_{ours}": getattr(module, theirs + "_reverse") for ours, theirs in RECURRENT.items()})
    return result


class Recurrent(torch.nn.Module):
    """One recurrent layer of PyTorch's; the last step's output, or that of each row's end, goes into a dense layer."""

    def __init__(self, kind, make, n_in, units, n_out, sequences):
        super().__init__()
        self.kind, self.sequences = kind, sequences
        self.recurrent = make(n_in, units)
        directions = 2 if self.recurrent.bidirectional else 1
        self.second = make(units * directions, units) if sequences else None
        self.dense = torch.nn.Linear(units * directions, n_out)

    def forward(self, x, lengths):
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        if self.second:
            packed, _ = self.recurrent(packed)
        _, state = (self.second or self.recurrent)(packed)
        state = state[0] if isinstance(state, tuple) else state
        return self.dense(torch.cat(list(state), 1))

    def named(self):
        result = recurrent_parameters(f"{self.kind}1", self.recurrent)
        if self.second:
            result.update(recurrent_parameters(f"{self.kind}2", self.second))
        result.update({"dense1.weight": self.dense.weight, "dense1.bias": self.dense.bias})
        return result


class ResetBefore(torch.nn.Module):
    """A GRU whose reset gate comes before the state's weights: PyTorch has none, so its steps are spelt out."""

    def __init__(self, n_in, units, n_out):
        super().__init__()
        bound = units ** -0.5
        draw = lambda *size: torch.nn.Parameter(torch.empty(*size).uniform_(-bound, bound))
        self.weight, self.recurrent, self.bias = draw(3 * units, n_in), draw(3 * units, units), draw(3 * units)
        self.dense = torch.nn.Linear(units, n_out)

    def forward(self, x, lengths):
        of = [part.chunk(3) for part in (self.weight, self.recurrent, self.bias)]
        h = torch.zeros(len(x), of[2][0].numel())
        for step in range(x.shape[1]):
            a = [x[:, step] @ of[0][k].T + of[2][k] for k in range(3)]
            r, z = (torch.sigmoid(a[k] + h @ of[1][k].T) for k in range(2))
            new = torch.tanh(a[2] + (r * h) @ of[1][2].T)
            h = torch.where((lengths > step)[:, None], z * h + (1 - z) * new, h)
        return self.dense(h)

    def named(self):
        return {"gru1.weight": self.weight, "gru1.recurrent": self.recurrent, "gru1.bias": self.bias,
                "dense1.weight": self.dense.weight, "dense1.bias": self.dense.bias}


class EachStep(torch.nn.Module):
    """A recurrent layer of PyTorch's, a dense layer at each of its steps; outputs as ours lie: [steps][rows][outputs]."""

    def __init__(self, kind, make, n_in, units, n_out):
        super().__init__()
        self.kind = kind
        self.recurrent = make(n_in, units)
        self.dense = torch.nn.Linear(units * (2 if self.recurrent.bidirectional else 1), n_out)

    def forward(self, x, lengths):
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=x.shape[1])
        there = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
        return (self.dense(y) * there).transpose(0, 1)

    def named(self):
        return {**recurrent_parameters(f"{self.kind}1", self.recurrent),
                "dense1.weight": self.dense.weight, "dense1.bias": self.dense.bias}


def labels_of_steps(label, lengths, steps):
    """As fixture_truth() of the tests has them: the last step's label is the sample's own; -1: none."""
    of = [[row - length + 1 + step if step < length else -1 for row, length in enumerate(lengths.tolist())]
          for step in range(steps)]
    return torch.tensor([[label[at] if at >= 0 else -1 for at in row] for row in of])


def layer_case(name, layers, net, shape, varies=False, n=6, n_out=3, each=False):
    """Logits, loss, gradients and ten steps of a classifier on random sequences."""
    steps, width = shape
    x = torch.randn(n, steps, width)
    # as fixture_length() of the tests has them
    lengths = torch.tensor([steps - i % steps if varies else steps for i in range(n)])
    label = torch.randint(0, n_out, (n,))
    case = {"name": name, "layers": layers + [{"type": "dense", "units": "classes"}], "n": n, "steps": steps,
            "width": width, "outputs": n_out, "varies": varies, "x": x.reshape(-1).tolist(), "label": label.tolist(),
            "initial": flat(net.named())}
    if each:
        case["each"] = True
        label = labels_of_steps(label, lengths, steps).reshape(-1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        output = net(x, lengths)
        loss = torch.nn.functional.cross_entropy(output.reshape(-1, n_out), label, ignore_index=-1)
        loss.backward()
        if step == 0:
            case["output"] = output.detach().reshape(-1).tolist()
            case["gradient"] = flat({k: v.grad for k, v in net.named().items()})
        losses.append(loss.item())
        optimizer.step()
    case["losses"] = losses
    case["final"] = flat(net.named())
    return case


class Chain(torch.nn.Module):
    """Layers along the steps, then a dense layer; sequences are [rows][steps][width] between them, as ours are."""

    def __init__(self, layers, n_out):
        super().__init__()
        self.parts = torch.nn.ModuleList([layer for _, layer in layers])
        self.kinds = [kind for kind, _ in layers]
        self.dense = torch.nn.Linear(n_out, 3)

    def forward(self, x, lengths):
        for kind, layer in zip(self.kinds, self.parts):
            if kind in ("conv1d", "max_pool1d", "average_pool1d", "batch_norm"):  # channels first
                x = layer(x.transpose(1, 2)).transpose(1, 2)
            else:
                x = layer(x)
        return self.dense(x.reshape(x.shape[0], -1))

    def named(self):
        result, numbers = {}, {}
        for kind, layer in zip(self.kinds, self.parts):
            number = numbers[kind] = numbers.get(kind, 0) + 1
            weight = {"batch_norm": "gain", "layer_norm": "gain"}.get(kind, "weight")
            if kind == "conv1d":  # ours are [filters][size][in]
                result[f"{kind}{number}.weight"] = Permuted(layer.weight)
                result[f"{kind}{number}.bias"] = layer.bias
            elif isinstance(getattr(layer, "weight", None), torch.nn.Parameter):
                result[f"{kind}{number}.{weight}"] = layer.weight
                if kind != "embedding":
                    result[f"{kind}{number}.bias"] = layer.bias
        result["dense1.weight"], result["dense1.bias"] = self.dense.weight, self.dense.bias
        return result


class Permuted:
    """A convolution's weight, and its gradient, with the steps before the inputs."""

    def __init__(self, weight):
        self.weight = weight

    def detach(self):
        return self.weight.detach().permute(0, 2, 1)

    @property
    def grad(self):
        return self.weight.grad.permute(0, 2, 1)


def conv(a, b, size, spec, **how):
    return {"type": "conv1d", "filters": b, "size": size, **spec}, ("conv1d", torch.nn.Conv1d(a, b, size, **how))


def make_chains():
    nn = torch.nn
    plain = {
        "conv": ([conv(3, 4, 2, {})], 16),
        "conv, stride and dilation": ([conv(3, 4, 2, {"stride": 2, "dilation": 2}, stride=2, dilation=2)], 8),
        "conv, same": ([conv(3, 4, 3, {"padding": "same"}, padding=1)], 20),
        "conv, max pool": ([conv(3, 4, 2, {}), ({"type": "max_pool1d", "size": 2}, ("max_pool1d", nn.MaxPool1d(2)))], 8),
        "average pool": ([({"type": "average_pool1d", "size": 2, "stride": 1}, ("average_pool1d", nn.AvgPool1d(2, 1)))], 12),
        "batch norm": ([({"type": "batch_norm"}, ("batch_norm", nn.BatchNorm1d(3)))], 15),
        "layer norm": ([({"type": "layer_norm"}, ("layer_norm", nn.LayerNorm(3)))], 15),
    }
    activations = {"elu": nn.ELU(), "gelu": nn.GELU(), "leaky_relu": nn.LeakyReLU(0.01), "relu": nn.ReLU(),
                   "sigmoid": nn.Sigmoid(), "softmax": nn.Softmax(-1), "softplus": nn.Softplus(), "tanh": nn.Tanh()}
    for name, layer in activations.items():
        plain[name] = ([conv(3, 4, 2, {}), ({"type": name}, (name, layer))], 16)
        plain[name + " of conv"] = ([({**conv(3, 4, 2, {})[0], "activation": name}, None), (None, (name, layer))], 16)
    for name, (layers, n_out) in plain.items():
        if layers[0][1] is None:
            layers = [(layers[0][0], ("conv1d", nn.Conv1d(3, 4, 2))), layers[1]]
        net = Chain([layer for _, layer in layers], n_out)
        yield layer_case(name, [spec for spec, _ in layers if spec] + ["flatten"], net, (5, 3))


class Resize(torch.nn.Module):
    """Steps by values as an image of so many channels."""

    def __init__(self, size, channels):
        super().__init__()
        self.size, self.channels = size, channels

    def forward(self, x):
        image = x.reshape(x.shape[0], x.shape[1], -1, self.channels).permute(0, 3, 1, 2)
        image = torch.nn.functional.interpolate(image, size=self.size, mode="bilinear", align_corners=False)
        return image.permute(0, 2, 3, 1).reshape(x.shape[0], self.size[0], -1)


def make_resizes():
    """Larger, smaller, and both; behind a layer that learns, so that gradients go back through them."""
    for size, channels in (([7, 6], 1), ([2, 3], 1), ([9, 1], 2), ([3, 5], 2)):
        spec = {"type": "random_resized_crop", "size": size, "channels": channels, "least": 1, "most": 1, "stretch": 1}
        layers = [conv(3, 4, 2, {}), (spec, ("resize", Resize(size, channels)))]
        net = Chain([layer for _, layer in layers], size[0] * size[1] * channels)
        yield layer_case(f"resize to {size}, channels {channels}", [spec for spec, _ in layers] + ["flatten"], net, (5, 3))


def make_layers():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(5)
    cases = []
    for kind, module in (("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU), ("simple_rnn", torch.nn.RNN)):
        for both, stacked, varies in ((False, False, False), (True, False, True), (False, True, True), (True, True, False)):
            spec = {"type": kind, "units": 4, "convention": "pytorch", "bidirectional": both}
            layers = [dict(spec, sequences=True), spec] if stacked else [spec]
            net = Recurrent(kind, lambda a, b: module(a, b, batch_first=True, bidirectional=both), 3, 4, 3, stacked)
            cases.append(layer_case(f"{kind}, bidirectional {both}, stacked {stacked}, varies {varies}", layers, net,
                                    (5, 3), varies))
    cases += make_chains()
    for varies in (False, True):
        cases.append(layer_case(f"gru, reset before, varies {varies}", [{"type": "gru", "units": 4, "reset_after": False}],
                                ResetBefore(3, 4, 3), (5, 3), varies))
    for kind, module in (("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU), ("simple_rnn", torch.nn.RNN)):
        for both, varies in ((False, False), (True, True)):
            spec = {"type": kind, "units": 4, "convention": "pytorch", "bidirectional": both, "sequences": True}
            net = EachStep(kind, lambda a, b: module(a, b, batch_first=True, bidirectional=both), 3, 4, 3)
            cases.append(layer_case(f"{kind}, each step, bidirectional {both}, varies {varies}", [spec], net, (5, 3),
                                    varies, each=True))
    cases += make_resizes()
    write("layers.json", cases)


def rates(make, epochs=12, steps=5, values=None):
    """Of each batch, or with values of each epoch: the factor of a rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer)
    factors = []
    for i in range(len(values) if values else epochs):
        if values:
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step(values[i])
            continue
        for _ in range(steps if schedule.by_batch else 1):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if len(factors) < epochs * (steps if schedule.by_batch else 1):  # one_cycle refuses a step too many
                schedule.step()
    return factors


def make_schedules():
    lr = torch.optim.lr_scheduler

    def by(batch, make):
        def marked(optimizer):
            schedule = make(optimizer)
            schedule.by_batch = batch
            return schedule
        return marked

    def case(spec, make, values=None, by_batch=False, maximize=False):
        return {"schedule": spec, "epochs": 12, "steps": 5, "by_batch": by_batch, "maximize": maximize,
                "values": values or [], "factors": rates(by(by_batch, make), values=values)}

    loss = [1.0, 0.9, 0.95, 0.93, 0.92, 0.91, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 0.49999, 1.0, 1.0, 0.1]
    write("schedules.json", [
        case({"type": "constant", "factor": 0.5}, lambda o: lr.ConstantLR(o, 0.5, 10**9)),
        case({"type": "step", "every": 3, "factor": 0.2}, lambda o: lr.StepLR(o, 3, 0.2)),
        case({"type": "step", "at": [2, 7], "factor": 0.1}, lambda o: lr.MultiStepLR(o, [2, 7], 0.1)),
        case({"type": "exponential", "factor": 0.8}, lambda o: lr.ExponentialLR(o, 0.8)),
        case({"type": "cosine", "floor": 0.05}, lambda o: lr.CosineAnnealingLR(o, 12, 0.05)),
        case({"type": "warm_up", "batches": 13, "start": 0.25}, lambda o: lr.LinearLR(o, 0.25, 1, 13), by_batch=True),
        case({"type": "one_cycle"}, lambda o: lr.OneCycleLR(o, 1.0, total_steps=60), by_batch=True),
        case({"type": "plateau", "factor": 0.5, "patience": 2, "rest": 1},
             lambda o: lr.ReduceLROnPlateau(o, factor=0.5, patience=2, cooldown=1), values=loss),
        case({"type": "plateau", "factor": 0.5, "patience": 0}, values=loss, maximize=True,
             make=lambda o: lr.ReduceLROnPlateau(o, "max", factor=0.5, patience=0)),
    ])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    make_metrics()
    make_network()
    make_layers()
    make_schedules()
