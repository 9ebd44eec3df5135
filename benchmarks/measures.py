"""Motion and growth measured on simulated movies, against what was simulated.

    python benchmarks/measures.py --seeds 50 --out runs/measures

The true masks of each movie are measured, linked by Softlight's own tracker, and measured on. What
is true comes from the simulated cells themselves, replayed from the scene's seed without images:
their centres, and which of them reach into the view. Divisions are those of the true tracks. What
the intervals must hold is true of the process, not of one movie: it comes from 300 other seeds.
(Cells also leave the view for good, so that the growth in view is less than the division rate.)
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.evaluate.table import markdown_table
from softlight.io.files import replacing
from softlight.measure.growth import fit_growth
from softlight.measure.morphology import measure_frame
from softlight.measure.motion import motion_summary
from softlight.measure.population import (
    event_rates,
    population_growth,
    population_table,
    track_ends,
)
from softlight.recipes.analysis.movie import without_drift
from softlight.simulate.movie import SimulatedMovie, simulate
from softlight.simulate.outline import shrinkage
from softlight.simulate.population import Population
from softlight.simulate.scene import MORPHOLOGIES, Scene
from softlight.track.movie import track_cells

SCENE = Scene(
    modality="fluorescence",
    frames=24,
    cells=25,
    height=256,
    width=256,
    interval_min=20.0,  # cells change their velocity in steps of up to 15 minutes; not one a frame
    cell_diameter_um=22.0,
    clustering=0.0,
    division_rate_per_h=0.08,
    death_rate_per_h=0.0,
    speed_um_per_min=0.25,
    debris=0.0,
)


OTHER_SEEDS = range(100_000, 100_300)


def replay(scene: Scene) -> pd.DataFrame:
    """Every cell of every frame: its centre, from the seed's first stream as in `simulate`."""
    margin = int(np.clip(np.ceil(0.9 * scene.cell_diameter_px), 24, 160))
    stream = np.random.SeedSequence(scene.seed).spawn(4)[0]
    population = Population(scene, margin=margin, rng=np.random.default_rng(stream))
    form, rows = population.form, []
    for frame in range(scene.frames):
        if frame:
            population.step()
        rows += [
            (frame, cell.identity, cell.parent, cell.y, cell.x, cell.radius * shrinkage(cell, form))
            for cell in population.cells
        ]
    cells = pd.DataFrame(rows, columns=["frame", "identity", "parent", "y", "x", "radius"])
    outside = [
        np.maximum(-0.5 - cells[axis], cells[axis] - side + 0.5).clip(lower=0)
        for axis, side in (("y", scene.height), ("x", scene.width))
    ]
    cells["in_view"] = (outside[0] == 0) & (outside[1] == 0)
    cells["visible"] = np.hypot(*outside) < cells["radius"] - 0.5  # as if all were round
    return cells.sort_values(["identity", "frame"], ignore_index=True)


def true_of(cells: pd.DataFrame) -> dict[str, float]:
    """Steps and their length (px), divisions and cell-frames of the cells centred in the view."""
    seen = cells[cells["in_view"]]
    same = (seen["identity"].diff() == 0) & (seen["frame"].diff() == 1)
    step = np.hypot(seen["y"].diff(), seen["x"].diff())[same]
    last = cells.drop_duplicates("identity", keep="last")
    mothers = last["in_view"] & last["identity"].isin(cells["parent"])
    return {
        "steps": len(step),
        "length": float(step.sum()),
        "mothers": int(mothers.sum()),
        "watched": int((seen["frame"] < cells["frame"].max()).sum()),
    }


def visible_counts(cells: pd.DataFrame, frames: int) -> NDArray[np.float64]:
    """Cells that reach into the view, by frame."""
    return np.bincount(cells.loc[cells["visible"], "frame"], minlength=frames).astype(float)


def process_truth(scene: Scene) -> dict[str, float]:
    """Mean speed, growth rate and division rate in the view, from seeds that are not measured."""
    replayed = [replay(replace(scene, seed=seed)) for seed in OTHER_SEEDS]
    total = pd.DataFrame([true_of(cells) for cells in replayed]).sum()
    counts = sum(visible_counts(cells, scene.frames) for cells in replayed)
    hours = np.arange(scene.frames) * scene.interval_h
    return {
        "speed": total["length"] / total["steps"] * scene.pixel_size_um / scene.interval_min,
        "growth": float(np.polyfit(hours, np.log(counts), 1)[0]),
        "division_rate": total["mothers"] / (total["watched"] * scene.interval_h),
    }


def own_truth(scene: Scene) -> dict[str, float]:
    """Mean speed and growth rate of one seed's cells in the view, without any image."""
    cells = replay(scene)
    true = true_of(cells)
    hours = np.arange(scene.frames) * scene.interval_h
    return {
        "own_speed": true["length"] / true["steps"] * scene.pixel_size_um / scene.interval_min,
        "own_growth": fit_growth(hours, visible_counts(cells, scene.frames)).rate,
    }


def true_tracks(movie: SimulatedMovie) -> pd.DataFrame:
    """The simulated tracks as a tracks table."""
    names = ("track_id", "parent_id", "first_frame", "last_frame")
    rows = [[getattr(track, name) for name in names] for track in movie.tracks]
    return pd.DataFrame(rows, columns=list(names))


def measured(movie: SimulatedMovie, objects: pd.DataFrame) -> dict[str, float]:
    """What Softlight says about one movie from its true masks."""
    scene = movie.scene
    linked = track_cells(objects, labels=movie.labels)
    objects = without_drift(linked.objects, linked.drift, scene.pixel_size_um)
    tracks = linked.tracks
    interval = scene.interval_min
    motion = motion_summary(objects, frame_interval_min=interval, tracks=tracks)
    shape = (scene.height, scene.width)
    population = population_table(
        objects, frames=scene.frames, frame_shape=shape, frame_interval_min=interval
    )
    families = population_growth(population, objects=objects, tracks=tracks).iloc[0]
    curve = population_growth(population).iloc[0]
    rates = event_rates(objects, tracks, frames=scene.frames, frame_interval_min=interval)
    values: dict[str, float] = {}
    for name in ("mean_speed", "corrected_mean_speed"):
        row = motion.set_index("measure").loc[name]
        values |= {name: row["value"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    for name, row in (("growth", families), ("curve", curve)):
        for end in ("", "_low", "_high"):
            values[f"{name}{end}"] = row[f"growth_rate{end}_per_h"]
    for end in ("", "_low", "_high"):
        values[f"division_rate{end}"] = rates.loc[0, f"rate{end}_per_h"]
    ends = track_ends(objects, tracks, scene.frames)
    return values | {"divisions": float((ends["daughters"] >= 2).sum())}


def one_seed(scene: Scene) -> dict[str, float]:
    """What was measured of one movie, and what its true tracks and centres say."""
    movie = simulate(scene)
    objects = pd.concat(
        [
            measure_frame(labels, image, frame=t, pixel_size_um=scene.pixel_size_um)
            for t, (labels, image) in enumerate(zip(movie.labels, movie.images, strict=True))
        ],
        ignore_index=True,
    )
    tracks = true_tracks(movie)
    divided = track_ends(objects.assign(track_id=objects["label"]), tracks, scene.frames)
    return {
        "seed": scene.seed,
        **measured(movie, objects),
        "true_divisions": float((divided["daughters"] >= 2).sum()),
    }


def summary(table: pd.DataFrame, truth: dict[str, float]) -> pd.DataFrame:
    """One row per measure: truth, mean, errors, and how many intervals hold the truth."""
    rows = []
    for name, of in (
        ("mean_speed", "speed"),
        ("corrected_mean_speed", "speed"),
        ("growth", "growth"),
        ("curve", "growth"),
        ("division_rate", "division_rate"),
    ):
        own = "" if of == "division_rate" else f"own_{of}"
        held = table[f"{name}_low"].le(truth[of]) & table[f"{name}_high"].ge(truth[of])
        true, found = (table[own].mean() if own else truth[of]), table[name].mean()
        off = _median_error(table, name, own) if own else np.nan
        rows.append([name, true, found, found / true - 1, off, truth[of], held.mean()])
    true, found = np.log(2) / table["own_growth"].mean(), np.log(2) / table["growth"].mean()
    rows.append(["doubling_time", true, found, found / true - 1, np.nan, np.nan, np.nan])
    found, true = table["divisions"].sum(), table["true_divisions"].sum()
    off = _median_error(table, "divisions", "true_divisions")
    rows.append(["divisions", true, found, found / true - 1, off, np.nan, np.nan])
    names = ["measure", "true", "measured", "error", "median_error_per_movie"]
    return pd.DataFrame(rows, columns=[*names, "of_the_process", "covered"])


def _median_error(table: pd.DataFrame, name: str, truth: str) -> float:
    return float(((table[name] - table[truth]) / table[truth]).abs().median())


def main() -> None:
    """Simulate, measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--morphologies", nargs="+", choices=MORPHOLOGIES, default=["round"])
    parser.add_argument("--again", action="store_true", help="tables of what lies in --out")
    parser.add_argument("--out", type=Path, default=Path("runs/measures"))
    options = parser.parse_args()
    for morphology in options.morphologies:
        file = options.out / f"{morphology}.csv"
        scenes = [replace(SCENE, morphology=morphology, seed=seed) for seed in range(options.seeds)]
        if not options.again:
            with replacing(file) as temporary:
                pd.DataFrame([one_seed(scene) for scene in scenes]).to_csv(temporary, index=False)
        own = pd.DataFrame([own_truth(scene) for scene in scenes])
        found = summary(pd.read_csv(file).join(own), process_truth(scenes[0]))
        for name in ("true", "measured", "of_the_process"):
            found[name] = found[name].map("{:.4g}".format)
        for name in ("error", "median_error_per_movie", "covered"):
            found[name] = found[name].map("{:.1%}".format)
        print(f"\n{morphology}, {options.seeds} movies of {SCENE.frames} frames\n", flush=True)
        print(markdown_table(found.replace({"nan": "", "nan%": ""})), flush=True)


if __name__ == "__main__":
    main()
