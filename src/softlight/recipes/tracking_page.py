"""The report page of scored tracks: scores, kinds of errors, and the frames with most of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
from numpy.typing import NDArray

from softlight.data.samples import counted
from softlight.evaluate.tracking_errors import OPERATION
from softlight.io.ctc import CtcSequence
from softlight.io.images import open_movie
from softlight.report.blocks import Block, Facts, Notice, Section, Table, Text
from softlight.report.html import write_report
from softlight.report.track_errors import picture_of_track_errors
from softlight.report.view import AnyImage

MOST_PICTURES = 6
SHOWN = ("SEG", "DET", "TRA", "LNK", "CT", "TF", "BC(0)", "BC(3)", "CCA", "CHOTA")
_OFTEN = 20  # rows of the table of errors


@dataclass(frozen=True)
class ScoredSequence:
    """One movie's truth, result, scores and errors."""

    name: str
    sequence: CtcSequence
    truth: Sequence[NDArray[Any]]
    predicted: Sequence[NDArray[Any]]
    scores: dict[str, float]
    errors: pd.DataFrame
    breaches: tuple[str, ...]
    border_px: int


def tracking_page(
    out: Path, scored: Sequence[ScoredSequence], table: pd.DataFrame, *, about: Mapping[str, str]
) -> Path:
    """``report.html`` of scored tracks."""
    shown = table[["sequence", *SHOWN, "division_F1(0)", "division_F1(1)"]]
    breaches: list[Block] = [
        Notice(f"Sequence {item.name} is not valid for the Challenge. {breach}")
        for item in scored
        for breach in item.breaches
    ]
    caption = "nan: there is nothing to score, such as no division or no gold outlines."
    sections = [Section("Scores", [*breaches, Table(shown, caption=caption)])]
    for item in scored:
        of = f" of sequence {item.name}" if len(scored) > 1 else ""
        sections += [
            Section(f"Errors{of}", _error_blocks(item)),
            Section(f"Pictures{of}", _pictures(item)),
        ]
    sections.append(Section("How it was made", [Facts(list(about.items()))]))
    first = scored[0].scores
    return write_report(
        out,
        title=f"{about['of']} on {about['data']}",
        summary=[
            ("frames", sum(len(item.truth) for item in scored)),
            *((name, f"{first[name]:.3f}") for name in ("SEG", "DET", "TRA", "LNK")),
            ("errors", sum(len(item.errors) for item in scored)),
        ],
        sections=sections,
        footer=f"Softlight {about['softlight']}",
    )


def _error_blocks(item: ScoredSequence) -> list[Block]:
    """How many errors of each kind there are, what they cost, and in which frames."""
    if item.errors.empty:
        return [Text("There is no error: all cells are found and all links are right.")]
    kinds = item.errors.groupby("kind")["cost"].agg(number="size", cost="sum").reset_index()
    kinds.insert(1, "operation", kinds["kind"].map(dict(OPERATION)))
    kinds = kinds.sort_values("cost", ascending=False, ignore_index=True)
    by_frame = pd.crosstab(item.errors["frame"], item.errors["kind"])
    by_frame["cost"] = item.errors.groupby("frame")["cost"].sum()
    worst = by_frame.sort_values("cost", ascending=False, kind="stable").head(_OFTEN)
    return [
        Table(kinds, caption="What each kind costs in TRA; all rows are in errors.csv.", digits=1),
        Table(worst.reset_index(), caption=f"At most {_OFTEN} frames, the worst first.", digits=1),
    ]


def _image(path: Path) -> AnyImage:
    return cast("AnyImage", open_movie(path).grey(0))


def _pictures(item: ScoredSequence) -> list[Block]:
    """The frames whose errors cost most."""
    cost = item.errors.groupby("frame")["cost"].sum().sort_values(ascending=False, kind="stable")
    blocks: list[Block] = [
        Text(
            "Filled cells with a ring are missed, added, merged or split. Thick lines are links "
            "that are missing, added or of the wrong kind; they lead from where the cell was "
            "before and end in a dot. Solid outlines were found, dotted white ones are true."
        )
    ]
    for frame in cost.index[:MOST_PICTURES].tolist():
        image = item.sequence.frames.get(frame)
        if image is None:
            continue
        rows = item.errors[item.errors["frame"] == frame]
        blocks.append(
            picture_of_track_errors(
                f"Frame {frame}",
                _image(image),
                item.predicted[frame],
                truth=item.truth[frame],
                errors=rows,
                caption=f"{counted(len(rows), 'error')}, cost {rows['cost'].sum():g}.",
            )
        )
    return blocks if len(blocks) > 1 else [Text("No frame has an error.")]
