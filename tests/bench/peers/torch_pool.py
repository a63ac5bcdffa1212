"""Equal experiments side by side, as a script with PyTorch and multiprocessing does them.

argv: table.csv (the last column is the target), experiments, processes, epochs, how: fork (PyTorch is there before the pool
is) or spawn (each process begins afresh). An experiment reads the table, scales it by its training rows, trains a mixture
density of three normal components for so many epochs with a seed of its own, and measures its likelihood on the test rows,
every fifth. A process keeps to one thread. Prints the median of the likelihoods.
"""
import functools
import multiprocessing
import statistics
import sys

import numpy
import torch

LAYERS = (128, 128)
COMPONENTS, BATCH, RATE = 3, 100, 1e-3


def likelihood(output, target):
    center, spread, share = output.chunk(3, 1)
    density = torch.distributions.Normal(center, torch.nn.functional.softplus(spread) + 1e-6)
    return -torch.logsumexp(torch.log_softmax(share, 1) + density.log_prob(target), 1).mean()


def network(n_in):
    sizes, parts = (n_in, *LAYERS), []
    for before, after in zip(sizes, sizes[1:]):
        parts += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts, torch.nn.Linear(sizes[-1], 3 * COMPONENTS))


def experiment(seed, path, epochs):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(seed)
    table = numpy.loadtxt(path, delimiter=",", skiprows=1, dtype=numpy.float32)
    tested = numpy.arange(len(table)) % 5 == 4
    table = (table - table[~tested].mean(0)) / table[~tested].std(0)
    x, y = torch.from_numpy(table[:, :-1]), torch.from_numpy(table[:, -1:])
    model = network(x.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    x_train, y_train = x[~tested], y[~tested]
    for _ in range(epochs):
        for rows in torch.randperm(len(x_train)).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            likelihood(model(x_train[rows]), y_train[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float(likelihood(model(x[tested]), y[tested]))


def main():
    path, n, processes, epochs, how = sys.argv[1], *(int(text) for text in sys.argv[2:5]), sys.argv[5]
    one = functools.partial(experiment, path=path, epochs=epochs)
    with multiprocessing.get_context(how).Pool(processes) as pool:
        print(statistics.median(pool.map(one, range(n), chunksize=1)))


if __name__ == "__main__":
    main()
