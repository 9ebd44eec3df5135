"""The second and the third table: time of one image, and published models as they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import tifffile

from peers.rounds import Round
from peers.scores import nearest_to, score_labels
from peers.tables import OURS, by_tool
from peers.work import Model, Terms, predicted
from softlight.data.cells import median_cell_diameter
from softlight.data.samples import Sample
from softlight.models.saved import list_shipped

SHAPE, CELLS = (520, 704), 300
TURNS, REPEATS = 3, 5

Table = tuple[str, str, pd.DataFrame]  # title, what it is, rows


def speed(
    rounds: Sequence[Round],
    models: Mapping[tuple[str, str], Model],
    tools: Sequence[str],
    out: Path,
    terms: Terms,
) -> Table:
    """Seconds of one image for each tool, measured in turns, so that all see the same machine."""
    samples = [sample for part in rounds for sample in part.test]
    chosen = nearest_to(samples, SHAPE, CELLS)
    part = next(part for part in rounds if chosen in part.test)
    folder = out / "speed"
    warm: dict[str, list[float]] = {tool: [] for tool in tools}
    cold: dict[str, list[float]] = {tool: [] for tool in tools}
    for turn in range(TURNS):
        for tool in tools:
            model, place = models[part.name, tool], folder / f"turn-{turn + 1}" / tool
            data = out / part.name / "test"
            found = predicted(
                model, [chosen], place / "cold", data, terms, repeats=1, warm_up=False
            )
            cold[tool].append(found["wall_s"])
            found = predicted(model, [chosen], place / "warm", data, terms, repeats=REPEATS)
            warm[tool] += found["seconds"][chosen.name]
    rows = [
        {
            "tool": tool,
            "cells found": _count(folder / "turn-1" / tool / "warm" / "labels", chosen),
            "warm s": median(warm[tool]),
            "best s": min(warm[tool]),
            "from start s": median(cold[tool]),
        }
        for tool in tools
    ]
    table = pd.DataFrame(rows)
    if OURS in warm:
        table["times Softlight"] = table["warm s"] / median(warm[OURS])
    table.to_csv(folder / "speed.csv", index=False)
    labels = chosen.read().labels
    about = (
        f"{chosen.name}, {labels.shape[0]} x {labels.shape[1]}, {len(np.unique(labels)) - 1} true "
        f"cells, {terms.threads} threads. Warm: median of {TURNS * REPEATS} from the file of the "
        "image to the file of its labels, the model in memory, the tools in turns. From start: "
        "one image with start of the program, imports and loading of the model."
    )
    return "Seconds per image", about, table


def _count(labels: Path, sample: Sample) -> int:
    return len(np.unique(tifffile.imread(labels / f"{sample.name}.tif"))) - 1


def zero_shot(
    rounds: Sequence[Round],
    given: Mapping[str, Sequence[str]],
    tools: Sequence[str],
    out: Path,
    terms: Terms,
) -> Table:
    """Scores of models as they are published, on all test images, none of them trained here."""
    samples = list({s.name: s for part in rounds for s in part.test}.values())
    diameter = float(np.nanmedian([median_cell_diameter(s.read().labels) for s in samples]))
    scored, absent = [], []
    for tool in tools:
        paths = list(given[tool]) or (list(list_shipped()) if tool == OURS else [])
        if not paths:
            absent.append(tool)
        for path in paths:
            settings = {"diameter": diameter} if tool == "cellpose" else {}
            model = Model(tool, Path(path), settings, pretrained=True)
            name = f"{tool} {Path(path).name}"
            folder = out / "zero-shot" / name.replace(" ", "-")
            found = predicted(model, samples, folder, out / "zero-shot" / "data", terms)
            scored.append(score_labels(name, samples, folder / "labels", found))
    about = (
        "Softlight's models may have been trained on images of these wells: see their cards. "
        f"Cellpose is told the true median diameter of the cells, {diameter:.1f} px."
    )
    if absent:
        about += f" Weights not given, so not scored: {', '.join(absent)}."
    table = by_tool(pd.concat(scored, ignore_index=True)) if scored else pd.DataFrame()
    return "Published models as they are", about, table
