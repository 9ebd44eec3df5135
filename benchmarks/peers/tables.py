"""The tables that are printed, from the scores of each image."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

MEASURES = {
    "ap50": "AP50",
    "ap": "mean AP",
    "f1": "F1",
    "pq": "PQ",
    "seg": "SEG",
    "count_error_abs": "count error",
    "seconds": "s per image",
}
OURS = "softlight"


def by_tool(images: pd.DataFrame) -> pd.DataFrame:
    """Means over all images, one row a tool, in the order of the table."""
    means = images.groupby("tool", sort=False)[list(MEASURES)].mean()
    means.insert(0, "images", images.groupby("tool", sort=False).size())
    return means.rename(columns=MEASURES).reset_index()


def by_kind(images: pd.DataFrame, key: str, measures: Sequence[str] = ("ap50", "ap")) -> Any:
    """Means of each cell type (or each image, by ``key``), a column for each measure and tool."""
    parts = []
    for measure in measures:
        part = images.pivot_table(index=key, columns="tool", values=measure, sort=False)
        part = part.reindex(columns=list(dict.fromkeys(images["tool"])))
        parts.append(part.add_prefix(f"{MEASURES[measure]} "))
    table = pd.concat(parts, axis=1)
    table.insert(0, "images", images.groupby(key)["image"].nunique())
    return table.sort_index().reset_index()


def training_table(trained: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What each training took: minutes that counted, minutes in all, steps, what was tuned."""
    rows = [
        {
            "round": item["round"],
            "tool": item["tool"],
            "training min": item["train_s"] / 60,
            "tuning min": float("nan") if item["tune_s"] is None else item["tune_s"] / 60,
            "command min": item["wall_s"] / 60,
            "steps": item["steps"],
            "settings": ", ".join(f"{k} {_short(v)}" for k, v in item["settings"].items()),
        }
        for item in trained
    ]
    return pd.DataFrame(rows)


def margins(images: pd.DataFrame) -> list[str]:
    """How far Softlight is ahead of the better of the others, in AP50 and in mean AP."""
    means = images.groupby("tool")[["ap50", "ap"]].mean()
    others = means.drop(index=OURS, errors="ignore")
    if OURS not in means.index or others.empty:
        return []
    lines = []
    for measure in ("ap50", "ap"):
        best = others[measure].idxmax()
        ahead = means.loc[OURS, measure] - others.loc[best, measure]
        lines.append(
            f"{MEASURES[measure]}: Softlight {means.loc[OURS, measure]:.3f}, the better of the "
            f"others ({best}) {others.loc[best, measure]:.3f}: {ahead:+.3f}"
        )
    return lines


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
