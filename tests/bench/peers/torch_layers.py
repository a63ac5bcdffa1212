"""Training and prediction of PyTorch on one of the shapes of bench_layers.py: torch_layers.py SHAPE.

Each line "train SECONDS" or "predict SECONDS ROWS [bfloat16]" on standard input is answered by samples a second of processor
time. One thread, all batches in memory, gradients set to None, denormals flushed (else a long recurrent backward pass takes ten times as long).
"""
import json
import math
import sys
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.set_flush_denormal(True)
torch.manual_seed(0)


class Recurrent(nn.Module):
    def __init__(self, kind, width, units, outputs, layers=1, between=0.0, drop=0.0):
        super().__init__()
        self.recurrent = kind(width, units, layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(drop)
        self.out = nn.Linear(units, outputs)

    def forward(self, x):
        return self.out(self.drop(self.recurrent(x)[0][:, -1]))


class SeedLstm(nn.Module):
    """Keras' LSTM with dropout and recurrent dropout, a mask for each gate: PyTorch has no such layer. Compiled by TorchScript,
    which makes it 1.5 times as fast; nn.LSTM, which has no such masks, is 7 times as fast again."""

    def __init__(self, width, units, outputs, rate):
        super().__init__()
        self.width, self.units, self.rate = width, units, rate
        self.input = nn.Parameter(torch.randn(4, width, units) * 0.1)
        self.state = nn.Parameter(torch.randn(4, units, units) * 0.1)
        self.bias = nn.Parameter(torch.zeros(4, 1, units))
        self.out = nn.Linear(units, outputs)

    def mask(self, rows: int, width: int):
        if not self.training:
            return torch.ones(4, rows, width)
        return torch.bernoulli(torch.full((4, rows, width), 1 - self.rate)) / (1 - self.rate)

    def forward(self, x):
        rows, steps, _ = x.shape
        masks, of_state = self.mask(rows, self.width), self.mask(rows, self.units)
        masked = x.transpose(0, 1).unsqueeze(0) * masks.unsqueeze(1)  # [4][steps][rows][width]
        sums = torch.matmul(masked.reshape(4, steps * rows, self.width), self.input) + self.bias
        sums = sums.reshape(4, steps, rows, self.units)
        h = c = torch.zeros(rows, self.units)
        for step in range(steps):
            z = sums[:, step] + torch.bmm(h * of_state, self.state)
            i, f, o = torch.sigmoid(z[0]), torch.sigmoid(z[1]), torch.sigmoid(z[3])
            c = f * c + i * torch.tanh(z[2])
            h = o * torch.tanh(c)
        return self.out(h)


def mixture(z, y):
    """Negative log-likelihood of a mixture of three log-normals."""
    mean, spread, weight = z.chunk(3, dim=1)
    sigma = nn.functional.softplus(spread) + 1e-4
    log_y = torch.log(y)
    density = -0.5 * ((log_y - mean) / sigma) ** 2 - torch.log(sigma) - log_y - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(torch.log_softmax(weight, 1) + density, 1).mean()


def dense(*sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutions():
    return nn.Sequential(nn.Conv1d(55, 32, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 64, 5), nn.ReLU(),
                         nn.MaxPool1d(2), nn.Flatten(), nn.Linear(64 * 72, 55))


MSE, ENTROPY = nn.MSELoss(), nn.CrossEntropyLoss()
SHAPES = {  # network, one sample, outputs, loss, batch; None: classes
    "dense_16500": (lambda: dense(16500, 1024, 256, 55), (16500,), 55, MSE, 100),
    "lstm2_512": (lambda: Recurrent(nn.LSTM, 55, 512, 55, 2, 0.1, 0.1), (300, 55), 55, MSE, 50),
    "conv1d": (convolutions, (55, 300), 55, MSE, 100),
    "mdn": (lambda: dense(64, 128, 128, 9), (64,), 1, mixture, 256),
    "gru_128_b32": (lambda: Recurrent(nn.GRU, 8, 128, 4, drop=0.2), (256, 8), None, ENTROPY, 32),
    "lstm_64_masks": (lambda: torch.jit.script(SeedLstm(8, 64, 4, 0.5)), (256, 8), None, ENTROPY, 32),
    "small_lstm": (lambda: Recurrent(nn.LSTM, 8, 16, 4), (64, 8), None, ENTROPY, 32),
    "small_dense": (lambda: dense(30, 64, 32, 2), (30,), None, ENTROPY, 32),
}
for units in (64, 128, 256):
    for batch in (32, 128):
        SHAPES[f"lstm_{units}_b{batch}"] = (lambda units=units: Recurrent(nn.LSTM, 8, units, 4, drop=0.2), (256, 8), None,
                                            ENTROPY, batch)


def main():
    make, shape, outputs, loss, batch = SHAPES[sys.argv[1]]
    net = make()
    quiet = torch.no_grad if isinstance(net, torch.jit.ScriptModule) else torch.inference_mode  # which scripts refuse
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    batches = [torch.rand(batch, *shape) * 2 - 1 for _ in range(4)]
    truths = [torch.rand(batch, outputs) + 0.5 if outputs else torch.arange(batch) % (2 if sys.argv[1] == "small_dense" else 4)
              for _ in range(4)]

    def train(i):
        optimizer.zero_grad(set_to_none=True)
        loss(net(batches[i % 4]), truths[i % 4]).backward()
        optimizer.step()

    for line in sys.stdin:
        what, seconds, *rows = line.split()
        narrow = rows[1:] == ["bfloat16"]
        n, rows = 0, int(rows[0]) if rows else batch
        net.train(what == "train")
        if what == "predict":
            data = torch.rand(rows, *shape)
        start = time.process_time()
        while (passed := time.process_time() - start) < float(seconds) or n == 0:
            if what == "train":
                train(n)
            else:
                with quiet(), torch.autocast("cpu", torch.bfloat16, enabled=narrow):
                    net(data)
            n += 1
        print(n * rows / passed, flush=True)


if __name__ == "__main__":
    main()
