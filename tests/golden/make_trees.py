#!/usr/bin/python3
"""Golden values of boosted trees: what XGBoost itself predicts.

Writes trees.json beside itself, which is checked in; inputs are in it too. Needs xgboost 1.7 (Debian 12's).
"""
import json
import os

import numpy as np
import xgboost as xgb

ROWS, TRAIN, ROUNDS = 120, 90, 12
NAMES = {"rate": "eta", "depth": "max_depth", "leaves": "max_leaves", "growth": "grow_policy", "bins": "max_bin",
         "method": "tree_method", "parallel": "num_parallel_tree"}
OBJECTIVES = {"absolute_error": "reg:absoluteerror", "huber": "reg:pseudohubererror", "poisson": "count:poisson",
              "gamma": "reg:gamma"}
CASES = [
    ("classes3", {}),
    ("classes2", {"depth": 3, "rate": 0.5, "lambda": 2, "alpha": 0.1}),
    ("numbers", {}),
    ("numbers", {"method": "exact", "depth": 4, "gamma": 0.05, "min_child_weight": 3}),
    ("numbers", {"method": "approx", "bins": 16, "max_delta_step": 0.7}),
    ("numbers", {"growth": "lossguide", "leaves": 9, "depth": 0, "bins": 32}),
    ("numbers", {"objective": "absolute_error"}),
    ("numbers", {"objective": "huber"}),
    ("numbers", {"objective": "gamma"}),
    ("numbers", {"objective": "poisson"}),
    ("numbers", {"base_score": 30.0}),
]


def base_of(case, y):
    if case.get("objective") in ("absolute_error", "huber"):
        return float(np.median(y.astype(np.float32)))
    return case.get("base_score", float(np.mean(y.astype(np.float32), dtype=np.float64)))


def boost(case, x, y, classes):
    parameters = {NAMES.get(name, name): value for name, value in case.items() if name != "objective"}
    parameters["objective"] = OBJECTIVES.get(case.get("objective"), "reg:squarederror")
    parameters.setdefault("tree_method", "hist")
    parameters["base_score"] = base_of(case, y[:TRAIN])
    if classes > 2:
        parameters.update(objective="multi:softprob", num_class=classes, base_score=0.5)
    elif classes == 2:
        parameters["objective"] = "binary:logistic"
    if parameters["tree_method"] == "hist":
        matrix = xgb.QuantileDMatrix(x[:TRAIN], y[:TRAIN], max_bin=parameters.get("max_bin", 256))
    else:
        matrix = xgb.DMatrix(x[:TRAIN], y[:TRAIN])
    booster = xgb.train(parameters, matrix, ROUNDS)
    predicted = booster.predict(xgb.DMatrix(x[TRAIN:]))
    return np.stack([1 - predicted, predicted], axis=1) if classes == 2 else predicted.reshape(ROWS - TRAIN, -1)


def main():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS, 4)).astype(np.float32)
    numbers = np.stack([np.exp(1 + 0.5 * x[:, 0] + 0.3 * x[:, 1] * x[:, 2]), 40 + 3 * x[:, 3] + x[:, 0] ** 2], axis=1)
    numbers += 0.05 * rng.random(size=numbers.shape)
    order = np.argsort(np.argsort(x[:, 0] + x[:, 1] * x[:, 3]))
    label = {2: order * 2 // ROWS, 3: order * 3 // ROWS}
    cases = []
    for kind, case in CASES:
        classes = int(kind[7:]) if kind.startswith("classes") else 0
        truth = [label[classes]] if classes else [numbers[:, 0], numbers[:, 1]]
        given = [boost(case, x, y, classes) for y in truth]
        predicted = given[0] if classes else np.concatenate(given, axis=1)
        cases.append({"classes": classes, "model": dict(case, type="boosted_trees"),
                      "predicted": predicted.astype(float).ravel().tolist()})
    golden = {"rows": ROWS, "train": TRAIN, "rounds": ROUNDS, "x": x.astype(float).ravel().tolist(),
              "numbers": numbers.ravel().tolist(), "classes2": label[2].tolist(), "classes3": label[3].tolist(),
              "cases": cases}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "trees.json"), "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
