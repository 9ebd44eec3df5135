"""Motion and growth measured on simulated movies, against what was simulated.

    python benchmarks/measures.py --seeds 50 --out runs/measures

The true masks of each movie are measured, linked by Softlight's own tracker, and measured on. What
is true of each movie is read from its simulated tracks, and the doubling time of all movies from
the centres of their cells. What the intervals must hold is true of the process, not of one movie:
it comes from the cells of 300 other seeds, replayed without images, with their centres in the view.
(Cells also leave the view for good, so that the growth in view is less than the division rate.)
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from softlight.evaluate.table import markdown_table
from softlight.io.files import replacing
from softlight.measure.morphology import measure_frame
from softlight.measure.motion import motion_summary
from softlight.measure.population import (
    event_rates,
    population_growth,
    population_table,
    track_ends,
)
from softlight.recipes.analyze_movie import without_drift
from softlight.simulate.movie import SimulatedMovie, simulate
from softlight.simulate.population import Population
from softlight.simulate.scene import MORPHOLOGIES, Scene
from softlight.track.movie import track_cells

SCENE = Scene(
    modality="fluorescence",
    frames=32,
    cells=25,
    height=256,
    width=256,
    interval_min=15.0,
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
    rows = []
    for frame in range(scene.frames):
        if frame:
            population.step()
        rows += [(frame, cell.identity, cell.parent, cell.y, cell.x) for cell in population.cells]
    cells = pd.DataFrame(rows, columns=["frame", "identity", "parent", "y", "x"])
    inside = cells["y"].between(-0.5, scene.height - 0.5)
    cells["in_view"] = inside & cells["x"].between(-0.5, scene.width - 0.5)
    return cells.sort_values(["identity", "frame"], ignore_index=True)


def process_truth(scene: Scene) -> dict[str, float]:
    """Mean speed, growth rate and division rate in the view, from seeds that are not measured."""
    counts = np.zeros(scene.frames)
    steps, length, divisions = 0, 0.0, 0
    for seed in OTHER_SEEDS:
        cells = replay(replace(scene, seed=seed))
        seen = cells[cells["in_view"]]
        counts += np.bincount(seen["frame"], minlength=scene.frames)
        same = (seen["identity"].diff() == 0) & (seen["frame"].diff() == 1)
        step = np.hypot(seen["y"].diff(), seen["x"].diff())[same]
        steps, length = steps + len(step), length + float(step.sum())
        last = cells.drop_duplicates("identity", keep="last")
        divisions += int((last["in_view"] & last["identity"].isin(cells["parent"])).sum())
    hours = np.arange(scene.frames) * scene.interval_h
    exposure = float(counts[:-1].sum()) * scene.interval_h
    return {
        "speed": length / steps * scene.pixel_size_um / scene.interval_min,
        "growth": float(np.polyfit(hours, np.log(counts), 1)[0]),
        "division_rate": divisions / exposure,
    }


def true_tracks(movie: SimulatedMovie) -> pd.DataFrame:
    """The simulated tracks as a tracks table."""
    names = ("track_id", "parent_id", "first_frame", "last_frame")
    rows = [[getattr(track, name) for name in names] for track in movie.tracks]
    return pd.DataFrame(rows, columns=list(names))


def measured(movie: SimulatedMovie, objects: pd.DataFrame, *, linked: bool) -> dict[str, float]:
    """What Softlight says about one movie from its true masks, linked or with the true tracks."""
    scene, size = movie.scene, movie.scene.pixel_size_um
    tracks = true_tracks(movie)
    if linked:
        found = track_cells(objects, labels=movie.labels)
        objects, tracks = without_drift(found.objects, found.drift, size), found.tracks
    else:
        objects = objects.assign(track_id=objects["label"])
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
    alone = measured(movie, objects, linked=False)
    cells = replay(scene)
    seen = cells[cells["in_view"]]
    same = (seen["identity"].diff() == 0) & (seen["frame"].diff() == 1)
    step = np.hypot(seen["y"].diff(), seen["x"].diff())[same]
    return {
        "seed": scene.seed,
        **measured(movie, objects, linked=True),
        "true_speed": float(step.mean()) * scene.pixel_size_um / scene.interval_min,
        "true_divisions": alone["divisions"],
        "true_growth": alone["growth"],
        **{
            f"true_count_{frame}": float(count)
            for frame, count in enumerate(np.bincount(seen["frame"], minlength=scene.frames))
        },
    }


def summary(table: pd.DataFrame, truth: dict[str, float]) -> pd.DataFrame:
    """One row per measure: truth, mean, errors, and how many intervals hold the truth."""
    rows = []
    for name, of, own in (
        ("mean_speed", "speed", "true_speed"),
        ("corrected_mean_speed", "speed", "true_speed"),
        ("growth", "growth", "true_growth"),
        ("curve", "growth", "true_growth"),
        ("division_rate", "division_rate", ""),
    ):
        held = table[f"{name}_low"].le(truth[of]) & table[f"{name}_high"].ge(truth[of])
        mean, unit = table[name].mean(), "µm/min" if of == "speed" else "1/h"
        off = _median_error(table, name, own) if own else np.nan
        rows.append([name, unit, truth[of], mean, mean / truth[of] - 1, off, held.mean()])
    counts = table.filter(regex=r"true_count_\d+").sum().to_numpy()
    hours = np.arange(len(counts)) * SCENE.interval_h
    doubling = np.log(2) / np.polyfit(hours, np.log(counts), 1)[0]  # of these movies together
    found = np.log(2) / table["growth"].mean()
    rows.append(["doubling_time", "h", doubling, found, found / doubling - 1, np.nan, np.nan])
    found, true = table["divisions"].sum(), table["true_divisions"].sum()
    off = _median_error(table, "divisions", "true_divisions")
    rows.append(["divisions", "in all", true, found, found / true - 1, off, np.nan])
    names = ["measure", "unit", "truth", "measured", "error", "median_error_per_movie", "covered"]
    return pd.DataFrame(rows, columns=names)


def _median_error(table: pd.DataFrame, name: str, truth: str) -> float:
    return float(((table[name] - table[truth]) / table[truth]).abs().median())


def main() -> None:
    """Simulate, measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--morphologies", nargs="+", choices=MORPHOLOGIES, default=["round"])
    parser.add_argument("--out", type=Path, default=Path("runs/measures"))
    options = parser.parse_args()
    for morphology in options.morphologies:
        scene = replace(SCENE, morphology=morphology)
        table = pd.DataFrame([one_seed(replace(scene, seed=seed)) for seed in range(options.seeds)])
        with replacing(options.out / f"{morphology}.csv") as temporary:
            table.to_csv(temporary, index=False)
        found = summary(table, process_truth(scene))
        for name in ("truth", "measured"):
            found[name] = found[name].map("{:.4g}".format)
        for name in ("error", "median_error_per_movie", "covered"):
            found[name] = found[name].map("{:.1%}".format)
        print(f"\n{morphology}, {options.seeds} movies of {scene.frames} frames\n", flush=True)
        print(markdown_table(found), flush=True)


if __name__ == "__main__":
    main()
