#!/usr/bin/python3
"""Golden values of the data path: types from pandas, scaling, imputation and one-hot columns from scikit-learn.

Writes ../data/mixed.csv and preparation.json beside itself; both are checked in. Needs pandas 1.5 and scikit-learn 1.2
(Debian 12's).
"""
import json
import os

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "../data/mixed.csv")
NUMERIC = ["small", "large", "holes", "constant"]
CATEGORICAL = ["color", "door"]


def make_table():
    rng = np.random.default_rng(7)
    n = 80
    table = pd.DataFrame({
        "small": rng.normal(scale=1e-3, size=n).round(9),
        "large": rng.normal(loc=1e5, scale=3, size=n).round(2),
        "holes": rng.exponential(size=n).round(4),
        "constant": np.full(n, 2.5),
        "color": rng.choice(["red", "green", "light, blue"], size=n),
        "door": rng.integers(8, 12, size=n),
        "y": rng.choice(["no", "yes"], size=n),
    })
    table.loc[rng.choice(n, 9, replace=False), "holes"] = np.nan
    table.loc[75, "color"] = "never seen"
    table.loc[79, "door"] = 99
    table.to_csv(TABLE, index=False, lineterminator="\r\n")


def transformed(steps, table, train):
    """All rows, by what was fitted on the training rows; the columns in the file's order."""
    columns = ColumnTransformer(
        [(name, make_pipeline(*[step() for step in steps]), [name]) for name in NUMERIC]
        + [(name, OneHotEncoder(handle_unknown="ignore"), [name]) for name in CATEGORICAL],
        sparse_threshold=0,
    )
    return columns.fit(table.iloc[train]).transform(table)


def main():
    make_table()
    table = pd.read_csv(TABLE)
    train = [i for i in range(len(table)) if i % 4 != 3]
    cases = [
        ([{"type": "impute"}, "standard"], [SimpleImputer, StandardScaler]),
        (["standard", {"type": "impute", "by": "constant", "value": 0.5}],
         [StandardScaler, lambda: SimpleImputer(strategy="constant", fill_value=0.5)]),
        ([{"type": "impute"}, {"type": "minmax", "low": -1, "high": 1}],
         [SimpleImputer, lambda: MinMaxScaler((-1, 1))]),
        (["minmax", {"type": "impute"}, "standard"], [MinMaxScaler, SimpleImputer, StandardScaler]),
    ]
    golden = {
        "types": {name: str(kind) for name, kind in table.dtypes.items()},
        "missing": {name: int(count) for name, count in table.isna().sum().items()},
        "test": [i for i in range(len(table)) if i % 4 == 3],
        "cases": [
            {"prepare": prepare, "rows": transformed(steps, table, train).tolist()} for prepare, steps in cases
        ],
    }
    with open(os.path.join(HERE, "preparation.json"), "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
