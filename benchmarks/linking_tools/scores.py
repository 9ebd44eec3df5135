"""How right found tracks are, from edges between detections alone."""

import numpy as np
import pandas as pd


def edges_of(objects: pd.DataFrame, column: str, mother: dict[int, int]) -> tuple:
    """(keys of edges along and between tracks, the families of mothers with two daughters)."""
    ordered = objects.sort_values([column, "frame"])
    row, name = ordered.index.to_numpy(), ordered[column].to_numpy()
    same = name[1:] == name[:-1]
    keys = [row[:-1][same] * len(objects) + row[1:][same]]
    first = dict(zip(name[np.r_[True, ~same]], row[np.r_[True, ~same]], strict=True))
    last = dict(zip(name[np.r_[~same, True]], row[np.r_[~same, True]], strict=True))
    families: dict[int, list[int]] = {}
    for child, parent in mother.items():
        if parent and child in first and parent in last:
            keys.append(np.array([last[parent] * len(objects) + first[child]]))
            families.setdefault(int(last[parent]), []).append(int(first[child]))
    whole = {(m, tuple(sorted(d))) for m, d in families.items() if len(d) == 2}
    return np.unique(np.concatenate(keys)), whole


def score(objects: pd.DataFrame, true_mother: dict[int, int], found: pd.DataFrame) -> dict:
    """LNK (missed edges weigh 1.5, wrong ones 1) and division F1, mother and daughters exact.

    Args:
        objects: the detections with ``true``.
        true_mother: of the true names.
        found: ``track_id`` and ``parent_id`` of each detection, in the order of ``objects``.
    """
    table = objects.assign(track_id=found["track_id"].to_numpy())
    parents = dict(zip(found["track_id"], found["parent_id"], strict=True))
    true, families = edges_of(table, "true", true_mother)
    mine, my_families = edges_of(table, "track_id", parents)
    missed = len(np.setdiff1d(true, mine, assume_unique=True))
    wrong = len(np.setdiff1d(mine, true, assume_unique=True))
    both = len(families & my_families)
    return {
        "LNK": 1 - (1.5 * missed + wrong) / (1.5 * len(true)),
        "missed": missed,
        "wrong": wrong,
        "division F1": 2 * both / max(len(families) + len(my_families), 1),
    }
