#!/usr/bin/python3
"""Golden values of transforms: a table of awkward columns, and what scikit-learn makes of it.

Writes transforms.json beside itself; it is checked in. Needs scikit-learn 1.2 (Debian 12's).
"""
import json
import os

import numpy as np
from scipy import signal
from sklearn.feature_selection import r_regression
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (MaxAbsScaler, MinMaxScaler, OrdinalEncoder, PowerTransformer, QuantileTransformer,
                                   RobustScaler, StandardScaler)

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, TRAIN, SHOWN = 400, 300, 11  # every SHOWN-th row is written


def make_table():
    rng = np.random.default_rng(11)
    columns = {
        "normal": rng.normal(size=ROWS),
        "tail": rng.exponential(size=ROWS) ** 2,
        "shifted": rng.normal(loc=20, scale=4, size=ROWS),
        "ties": rng.integers(0, 6, size=ROWS),
        "negative": -rng.exponential(size=ROWS),
        "rounded": rng.normal(scale=30, size=ROWS).round(),
    }
    # what a float32 holds, in a decimal that reads back as it
    return {name: [float(np.float32(x)) for x in values] for name, values in columns.items()}


def through(steps, x):
    for step in steps:
        x = step.fit(x[:TRAIN]).transform(x)
    return x


def rounded(values):
    return [float(f"{value:.9g}") for value in values]


def shown(rows):
    return [rounded(row) for row in rows[::SHOWN]]


def winsorised(x):
    low, high = np.quantile(x[:TRAIN], [0.05, 0.9], axis=0)
    return np.clip(x, low, high)


def main():
    table = make_table()
    x = np.array(list(table.values())).T
    holes = x.copy()
    holes[::7, 0] = np.nan
    quantile = {"n_quantiles": 100, "subsample": 10 ** 6}
    cases = [
        (["maxabs"], through([MaxAbsScaler()], x)),
        (["robust"], through([RobustScaler()], x)),
        ([{"type": "robust", "low": 0.1, "high": 0.8}], through([RobustScaler(quantile_range=(10, 80))], x)),
        ([{"type": "standard", "divide": False}, "maxabs"], through([StandardScaler(with_std=False), MaxAbsScaler()], x)),
        (["yeo_johnson"], through([PowerTransformer(standardize=False)], x)),
        (["yeo_johnson", "standard"], through([PowerTransformer()], x)),
        (["minmax", "row_yeo_johnson"],
         PowerTransformer(standardize=False).fit_transform(through([MinMaxScaler()], x).T).T),
        (["minmax", "yeo_johnson", "minmax"],
         through([MinMaxScaler(), PowerTransformer(standardize=False), MinMaxScaler()], x)),
        ([{"type": "quantile", "quantiles": 100}], through([QuantileTransformer(**quantile)], x)),
        ([{"type": "quantile", "quantiles": 100, "output": "normal"}],
         through([QuantileTransformer(output_distribution="normal", **quantile)], x)),
        ([{"type": "winsorise", "low": 0.05, "high": 0.9}], winsorised(x)),
        ([{"type": "clip", "low": -1, "high": 5}], np.clip(x, -1, 5)),
        (["minmax", {"type": "log", "offset": 2}], np.log(2 + through([MinMaxScaler()], x))[:TRAIN]),
        (["minmax", "log1p"], np.log1p(through([MinMaxScaler()], x))[:TRAIN]),
        (["minmax", "sqrt"], np.sqrt(np.maximum(through([MinMaxScaler()], x), 0))),
        (["square"], x ** 2),
        ([{"type": "reshape", "steps": 6}, {"type": "paa", "segments": 4}, {"type": "reshape", "width": 4, "steps": 0}],
         np.array([x[:, 0], x[:, 1:3].mean(1), x[:, 3], x[:, 4:6].mean(1)]).T),
        ([{"type": "reshape", "steps": 3}, "summary"], np.hstack([summary(x[:, 0::2]), summary(x[:, 1::2])])),
        ([{"type": "reshape", "steps": 6}, "difference", {"type": "moving_average", "length": 3},
          {"type": "set_steps", "steps": 1, "value": 7}, {"type": "steps", "every": 2}, {"type": "reshape"}],
         averaged(x)[:, ::2]),
        (["standard", {"type": "reshape", "steps": 3, "width": 2}, {"type": "summary", "features": ["max"]}, "standard"],
         through([StandardScaler()], through([StandardScaler()], x).reshape(-1, 3, 2).max(1))),
        (["minmax", {"type": "exp", "offset": 1}], np.exp(1 + through([MinMaxScaler()], x))),
        ([{"type": "scale", "add": -1, "multiply": 25}], (x - 1) / 0.04),
        ([{"type": "keep", "columns": ["tail..negative"], "every": 2}, "standard"],
         through([StandardScaler()], x[:, [1, 3]])),
        ([{"type": "drop", "columns": ["t*", "shifted"]}], x[:, [0, 4, 5]]),
        ([{"type": "top_k", "k": 2}], x[:, np.sort(np.argsort(-abs(r_regression(x[:TRAIN], target(x)[:TRAIN])))[:2])]),
    ]
    with_holes = [
        ([{"type": "impute", "by": "median"}, "robust"], through([SimpleImputer(strategy="median"), RobustScaler()], holes)),
        (["indicator", {"type": "impute", "by": "constant", "value": -3}],
         np.hstack([SimpleImputer(strategy="constant", fill_value=-3).fit(holes[:TRAIN]).transform(holes),
                    MissingIndicator().fit(holes[:TRAIN]).transform(holes)])),
        (["yeo_johnson", "impute"], through([PowerTransformer(standardize=False), SimpleImputer()], holes)),
        ([{"type": "quantile", "quantiles": 50}, {"type": "impute", "by": "constant", "value": 2}],
         through([QuantileTransformer(n_quantiles=50, subsample=10 ** 6), SimpleImputer(strategy="constant", fill_value=2)],
                 holes)),
    ]
    series = x[:120, 0].cumsum() + 5
    filters = []
    for low, high, rate, order in [(1, 40, 256, 4), (5, 12, 100, 1), (0.5, 45, 100, 3), (20, 30, 100, 8)]:
        sections = signal.butter(order, [low, high], "bandpass", fs=rate, output="sos")
        filtered, _ = signal.sosfilt(sections, series, zi=signal.sosfilt_zi(sections) * series[0])
        filters.append({"low": low, "high": high, "rate": rate, "order": order, "y": rounded(filtered)})
    codes = x[:, 3].astype(int)
    share = np.bincount(codes[:TRAIN], minlength=6) / TRAIN
    golden = {
        "train": TRAIN,
        "shown": SHOWN,
        "columns": table,
        "holes": {"column": "normal", "every": 7},
        "cases": [{"prepare": prepare, "rows": shown(rows)} for prepare, rows in cases],
        "cases_with_holes": [{"prepare": prepare, "rows": shown(rows)} for prepare, rows in with_holes],
        "series": rounded(series),
        "band_pass": filters,
        "categories": {
            "column": "ties",
            "ordinal": OrdinalEncoder().fit_transform(codes[:, None])[::SHOWN, 0].tolist(),
            "frequency": share[codes][::SHOWN].tolist(),
        },
    }
    with open(os.path.join(HERE, "transforms.json"), "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")


def summary(x):
    """Of each row of x, a series."""
    steps = np.arange(x.shape[1])
    return np.array([x.mean(1), x.std(1), x.min(1), x.max(1), np.polyfit(steps, x.T, 1)[0],
                     abs(np.diff(x, axis=1)).mean(1), x[:, 0], x[:, -1], np.median(x, axis=1)]).T


def averaged(x):
    change = np.hstack([np.zeros((len(x), 1)), np.diff(x, axis=1)])
    average = np.array([change[:, max(0, i - 2):i + 1].mean(1) for i in range(x.shape[1])]).T
    average[:, 0] = 7
    return average


def target(x):
    return x[:, 2] - 3 * x[:, 4] + 0.1 * x[:, 1]


if __name__ == "__main__":
    main()
