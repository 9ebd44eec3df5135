"""Does what plan recommends hold? Simulated movies, where truth is known.

    python benchmarks/plan.py --seeds 10
    python benchmarks/plan.py --seeds 10 --without-labels --tolerance-count 5

For each seed, plan gets a few short movies with their true labels and recommends a setting. Then
fresh movies of the same kind of cells, which plan has not seen, are made worse by that setting, and
what is measured in them is compared with what is true. Prints a row a seed, and how often the true
errors are within what was tolerated. Without labels, plan takes the model's answer for true, and so
does the comparison: what counts is what gentler imaging adds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from softlight.evaluate.table import markdown_table
from softlight.inference.predict import Segmenter
from softlight.io.labels import write_labels
from softlight.measure.kinetics import track_steps
from softlight.measure.morphology import measure_frame
from softlight.recipes.divide import Options
from softlight.recipes.plan.curves import errors_between, labels_at
from softlight.recipes.plan.fields import Field
from softlight.recipes.plan.plan import Plan, plan
from softlight.recipes.plan.settings import PlanSettings, Setting, Tolerances
from softlight.simulate.movie import SimulatedMovie, simulate
from softlight.simulate.scene import Scene
from softlight.simulate.write import write_movie_tiff
from softlight.track.movie import track_cells


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="phase-sim")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--movies", type=int, default=8, help="that plan sees")
    parser.add_argument("--fresh", type=int, default=4, help="that it has not seen")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--tolerance-count", type=float, default=15.0, help="in percent")
    parser.add_argument("--images", type=int, default=8, help="of these, that plan looks at")
    parser.add_argument("--without-labels", action="store_true")
    parser.add_argument("--out", type=Path, help="CSV of the rows")
    given = parser.parse_args()
    segmenter = Segmenter.from_saved(given.model)
    rows = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        rows.append(one_seed(seed, segmenter, given))
        print(
            {k: v if isinstance(v, str) else round(v, 4) for k, v in rows[-1].items()}, flush=True
        )
        if given.out is not None:
            pd.DataFrame(rows).to_csv(given.out, index=False)
    table = pd.DataFrame(rows)
    print(markdown_table(shown(table)))
    recommended = table[table["recommended"] != "nothing"]
    for what in ("count", "confluence", "speed", "all"):
        print(
            f"{what} held in {int(recommended[f'{what} held'].sum())} of {len(recommended)} seeds"
        )
    print(f"something gentler was recommended in {int((table['light'] < 1).sum())} of {len(table)}")


def scene(seed: int, *, side: int, frames: int) -> Scene:
    """Round cells that lie apart, as the model knows them; their kind is drawn by the seed."""
    rng = np.random.default_rng(seed // 1000)
    diameter = float(rng.uniform(26, 36))
    return Scene(
        morphology="round",
        frames=frames,
        height=side,
        width=side,
        cells=round(0.13 * side**2 / (np.pi / 4 * (diameter / 1.24) ** 2)),
        seed=seed,
        interval_min=10.0,
        cell_diameter_um=diameter,
        clustering=0.0,
        division_rate_per_h=0.01,
        death_rate_per_h=0.0,
        speed_um_per_min=float(rng.uniform(0.2, 0.5)),
        contrast=float(rng.uniform(0.5, 0.7)),
        debris=0.0,
        out_of_focus=0.0,
        photons=5000.0,
        bit_depth=16,
    )


def one_seed(seed: int, segmenter: Segmenter, given: argparse.Namespace) -> dict[str, object]:
    """What was recommended by some movies, and how it did on others."""
    movies = [
        simulate(scene(1000 * seed + number, side=given.side, frames=given.frames))
        for number in range(given.movies + given.fresh)
    ]
    with tempfile.TemporaryDirectory() as folder:
        found = planned(movies[: given.movies], segmenter, Path(folder), given)
    row: dict[str, object] = {"seed": seed}
    setting = found.recommended
    if setting is None:
        print("; ".join(found.lines()))
        return row | {"recommended": "nothing", "light": 1.0}
    fresh = [truth_of(m, segmenter, given) for m in movies[given.movies :]]
    errors, speeds = true_errors(fresh, setting, found.every, segmenter, seed=10_000 + seed)
    limits = Tolerances(count=given.tolerance_count / 100)
    held = {
        "count held": errors["count"] <= (limits.count or 1),
        "confluence held": errors["confluence"] <= (limits.confluence or 1),
        "speed held": speeds <= (limits.speed or 1),
    }
    return (
        row
        | {"recommended": str(setting), "one frame in": found.every}
        | {"light": found.light / found.every, "photons now": found.photons_now}
        | {"count": errors["count"], "confluence": errors["confluence"], "speed": speeds}
        | held
        | {"all held": all(held.values())}
    )


def planned(
    movies: Sequence[SimulatedMovie], segmenter: Segmenter, folder: Path, given: argparse.Namespace
) -> Plan:
    """The plan by these movies."""
    for number, movie in enumerate(movies):
        name = "abcdefghijklmnopqrstuvwx"[number]
        write_movie_tiff(folder / "images" / f"{name}.tif", movie.images, movie.scene)
        write_labels(folder / "labels" / f"{name}.tif", movie.labels)
    return plan(
        [folder / "images"],
        segmenter,
        folder / "out",
        labels=None if given.without_labels else folder / "labels",
        settings=PlanSettings(
            tolerances=Tolerances(count=given.tolerance_count / 100),
            factors=(1.0, 0.5, 0.25),
            photons=(3000.0, 1000.0, 300.0, 100.0),
            every=(1, 2),
            images=given.images,
            repeats=1,
        ),
    )


@dataclass(frozen=True)
class Fresh:
    """A movie that plan has not seen, with what is true of it."""

    images: np.ndarray
    labels: Sequence[np.ndarray]
    pixel_size_um: float
    speeds: np.ndarray  # of cells from frame to frame, in pixels


def truth_of(movie: SimulatedMovie, segmenter: Segmenter, given: argparse.Namespace) -> Fresh:
    """What is true: the simulation's labels and tracks, or what the model finds in good images."""
    size = movie.scene.pixel_size_um
    if not given.without_labels:
        return Fresh(movie.images, movie.labels, size, _true_steps(movie))
    fields = [Field("", "", image, None, size, segmenter) for image in movie.images]
    labels = [labels_at(field, Setting(), Options(), seed=0) for field in fields]
    return Fresh(movie.images, labels, size, _tracked_steps(labels))


def true_errors(
    movies: Sequence[Fresh],
    setting: Setting,
    every: int,
    segmenter: Segmenter,
    *,
    seed: int,
) -> tuple[dict[str, float], float]:
    """(mean errors of the images, error of the mean speed) of movies taken so, against truth."""
    rows, speeds, true = [], [], []
    for number, movie in enumerate(movies):
        labels = []
        for t in range(0, len(movie.images), every):
            field = Field("", "", movie.images[t], None, movie.pixel_size_um, segmenter)
            labels.append(labels_at(field, setting, Options(), seed=seed + 100 * number + t))
            rows.append(errors_between(labels[-1], movie.labels[t]))
        speeds += list(_tracked_steps(labels) / every)
        true += list(movie.speeds)
    errors = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return errors, abs(float(np.mean(speeds)) / float(np.mean(true)) - 1)


def _tracked_steps(labels: Sequence[np.ndarray]) -> np.ndarray:
    """Pixels a frame, of cells that are found and followed."""
    objects = pd.concat([measure_frame(one, frame=t) for t, one in enumerate(labels)])
    tracked = track_cells(objects.reset_index(drop=True), labels=list(labels))
    return _speeds(tracked.objects)


def _true_steps(movie: SimulatedMovie) -> np.ndarray:
    """The same of the simulation's own tracks, which its labels are numbered by."""
    objects = pd.concat([measure_frame(one, frame=t) for t, one in enumerate(movie.labels)])
    return _speeds(objects.assign(track_id=objects["label"]).reset_index(drop=True))


def _speeds(objects: pd.DataFrame) -> np.ndarray:
    steps = track_steps(objects)
    steps = steps[(steps["frames"] == 1) & steps["is_whole"]]
    return steps["speed_px_per_frame"].to_numpy(float)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with errors in percent."""
    columns = {
        name: table[name] for name in ("seed", "recommended", "one frame in") if name in table
    }
    for name in ("light", "count", "confluence", "speed"):
        if name in table:
            columns[f"{name} (%)"] = (100 * table[name]).map("{:.2g}".format)
    return pd.DataFrame(columns | {"within tolerance": table.get("all held")})


if __name__ == "__main__":
    main()
