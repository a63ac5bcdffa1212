"""Trains scikit-learn's MLPClassifier as a spec of ours does and prints the seconds of each fit() and the accuracy.

argv: data.npz (x_train, y_train, x_test, y_test), layers such as 64,32, batch, epochs, repeats. The data are scaled
already; no early stopping, no tolerance, Adam with the same rate. One BLAS thread, as our worker has.
"""
import json
import os
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore")
data = numpy.load(sys.argv[1])
layers = tuple(int(units) for units in sys.argv[2].split(","))
batch, epochs, repeats = (int(text) for text in sys.argv[3:6])
# float32, the faster of its two precisions
x_train, x_test = data["x_train"].astype("float32"), data["x_test"].astype("float32")
seconds, accuracy = [], 0.0
for seed in range(repeats):
    model = MLPClassifier(layers, activation="relu", solver="adam", alpha=0.0, batch_size=batch,
                          learning_rate_init=1e-3, max_iter=epochs, tol=0.0, n_iter_no_change=epochs + 1,
                          shuffle=True, random_state=seed)
    start = time.perf_counter()
    model.fit(x_train, data["y_train"])
    seconds.append(time.perf_counter() - start)
    accuracy = model.score(x_test, data["y_test"])
print(json.dumps({"seconds": seconds, "accuracy": accuracy}))
