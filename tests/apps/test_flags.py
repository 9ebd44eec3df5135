"""Every flag of every verb changes what it names: no flag is accepted and forgotten."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.cases import write_discs
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.data.degradation import Degradation
from softlight.data.sets import open_dataset
from softlight.recipes.library import load_recipe
from softlight.recipes.trackers import Other

DATASET = "softlight.data.sets:open_dataset"
BASE = {
    "demo": ["demo"],
    "segment": ["segment", "a.tif", "--model", "m", "--out", "o"],
    "analyze": ["analyze", "a.tif", "--labels", "l", "--out", "o"],
    "evaluate": ["evaluate", "--data", "d", "--out", "o"],
    "doctor": ["doctor", "images/a.tif", "--model", "m"],
    "plan": ["plan", "images", "--model", "m", "--out", "o"],
    "shrink": ["shrink", "images", "--out", "o"],
    "pretrain": ["pretrain", "d", "--out", "o"],
    "train": ["train", "--data", "d", "--out", "o"],
    "crossval": ["crossval", "ctc-unet", "--data", "d", "--out", "o"],
    "reproduce": ["reproduce", "ctc-unet"],
    "degrade": ["degrade", "a.tif", "--out", "o"],
    "join": ["join", "--out", "o", "--restorer", "r", "--segmenter", "s"],
    "simulate": ["simulate", "--out", "o"],
    "expand": ["expand", "--data", "d", "--out", "o"],
    "fetch": ["fetch", "livecell"],
    "info": ["info", "images/a.tif"],
    "track": ["track", "--labels", "l", "--out", "o"],
    "export": ["export", "run", "--to", "csv", "--out", "o"],
}
SPIES = {
    "demo": ["softlight.recipes.demo:run_demo"],
    "segment": ["softlight.recipes.segment:segment"],
    "analyze": ["softlight.recipes.analysis.analyze:analyze"],
    "evaluate": ["softlight.recipes.evaluate:evaluate"],
    "doctor": ["softlight.recipes.doctor:diagnose"],
    "plan": ["softlight.recipes.plan.plan:plan"],
    "shrink": ["softlight.recipes.shrink:shrink"],
    "pretrain": ["softlight.recipes.pretrain:pretrain"],
    "train": ["softlight.recipes.train_folder:train_folder"],
    "crossval": [DATASET, "softlight.recipes.crossval:cross_validate"],
    "reproduce": ["softlight.recipes.reproduce:reproduce"],
    "degrade": ["softlight.recipes.degrade:degrade_files"],
    "join": ["softlight.recipes.joining:join_models"],
    "simulate": [
        "softlight.recipes.simulation:simulate_movie",
        "softlight.recipes.simulation:simulate_varied",
        "softlight.recipes.simulation:simulate_classes",
    ],
    "expand": [DATASET, "softlight.data.expand:expand"],
    "fetch": ["softlight.data.fetch:fetch"],
    "info": ["softlight.io.images:open_movie"],
    "track": ["softlight.recipes.track_folder:track_folder"],
    "export": ["softlight.recipes.export:export"],
}

LOOKING = Other("trackastra", Path("x"))

# verb, flag, what is given, where it arrives (argument, then fields or keys), what arrives
Row = tuple[str, str, list[str], str, object]
TABLE: list[Row] = [
    ("demo", "--out", ["x"], "out", Path("x")),
    ("segment", "--model", ["n"], "name_or_folder", "n"),
    ("segment", "--device", ["cpu"], "device", "cpu"),
    ("segment", "--out", ["x"], "out", Path("x")),
    ("segment", "--axes", ["TCYX"], "reading/axes", "TCYX"),
    ("segment", "--channel", ["2"], "reading/channel", 2),
    ("segment", "--pixel-size-um", ["0.5"], "reading/pixel_size_um", 0.5),
    ("segment", "--interval-min", ["7"], "reading/interval_min", 7.0),
    ("segment", "--threshold", ["0.3"], "options/threshold", 0.3),
    ("segment", "--min-area-px", ["9"], "options/min_area_px", 9),
    ("segment", "--no-split", [], "options/touching", False),
    ("segment", "--flips", [], "options/flips", True),
    ("segment", "--cell-diameter", ["30"], "options/cell_diameter_px", 30.0),
    ("segment", "--no-rescale", [], "options/rescale", False),
    ("segment", "--grid", ["fine"], "options/grid", "fine"),
    ("segment", "--ome-zarr", ["0.5"], "options/ome_zarr", "0.5"),
    ("segment", "--movie", [], "as_movies", True),
    ("analyze", "--labels", ["x"], "cells", Path("x")),
    ("analyze", "--out", ["x"], "out", Path("x")),
    ("analyze", "--interval-min", ["7"], "settings/reading/interval_min", 7.0),
    ("analyze", "--pixel-size-um", ["0.5"], "settings/reading/pixel_size_um", 0.5),
    ("analyze", "--axes", ["TCYX"], "settings/reading/axes", "TCYX"),
    ("analyze", "--channel", ["2"], "settings/reading/channel", 2),
    ("analyze", "--cell-diameter", ["30"], "settings/options/cell_diameter_px", 30.0),
    ("analyze", "--no-rescale", [], "settings/options/rescale", False),
    ("analyze", "--grid", ["fine"], "settings/options/grid", "fine"),
    ("analyze", "--separate", [], "settings/separate", True),
    ("analyze", "--plate-map", ["p.csv"], "plate_map", Path("p.csv")),
    ("analyze", "--threshold", ["0.3"], "settings/options/threshold", 0.3),
    ("analyze", "--min-area-px", ["9"], "settings/options/min_area_px", 9),
    ("analyze", "--max-distance-px", ["9"], "settings/link/max_distance_px", 9.0),
    ("analyze", "--max-gap-frames", ["1"], "settings/link/max_gap_frames", 1),
    ("analyze", "--no-divisions", [], "settings/link/divisions", False),
    ("analyze", "--no-repair", [], "settings/repair", False),
    ("analyze", "--ome-zarr", ["0.4"], "settings/options/ome_zarr", "0.4"),
    ("analyze", "--ome-zarr", ["none"], "settings/options/ome_zarr", None),
    ("analyze", "--resume", [], "resume", True),
    ("evaluate", "--data", ["x"], "data", Path("x")),
    ("evaluate", "--out", ["x"], "out", Path("x")),
    ("evaluate", "--model", ["m"], "model", "m"),
    ("evaluate", "--predicted", ["p"], "predicted", Path("p")),
    ("evaluate", "--annotation", ["gold"], "annotation", "gold"),
    ("evaluate", "--ignore-value", ["255"], "ignore_value", 255),
    ("evaluate", "--classes", ["a,b,c"], "classes", ["a", "b", "c"]),
    ("evaluate", "--boundary-tolerance-px", ["3"], "boundary_tolerance_px", 3.0),
    ("evaluate", "--instances", ["no"], "instances", "no"),
    ("evaluate", "--cell-diameter", ["30"], "sizing/cell_diameter_px", 30.0),
    ("evaluate", "--no-rescale", [], "sizing/rescale", False),
    ("evaluate", "--degrade", ["0.25"], "degrade", Degradation(factor=0.25)),
    ("evaluate", "--photons", ["50"], "degrade", Degradation(photons=50)),
    ("evaluate", "--device", ["cpu"], "device", "cpu"),
    ("doctor", "--model", ["n"], "name_or_folder", "n"),
    ("doctor", "--device", ["cpu"], "device", "cpu"),
    ("doctor", "--axes", ["YX"], "reading/axes", "YX"),
    ("doctor", "--channel", ["2"], "reading/channel", 2),
    ("doctor", "--pixel-size-um", ["0.5"], "reading/pixel_size_um", 0.5),
    ("doctor", "--threshold", ["0.3"], "options/threshold", 0.3),
    ("doctor", "--cell-diameter", ["30"], "options/cell_diameter_px", 30.0),
    ("doctor", "--no-rescale", [], "options/rescale", False),
    ("plan", "--model", ["n"], "name_or_folder", "n"),
    ("plan", "--device", ["cpu"], "device", "cpu"),
    ("plan", "--out", ["x"], "out", Path("x")),
    ("plan", "--labels", ["l"], "labels", Path("l")),
    ("plan", "--tolerance-count", ["7"], "settings/tolerances/count", 0.07),
    ("plan", "--tolerance-confluence", ["3"], "settings/tolerances/confluence", 0.03),
    ("plan", "--tolerance-area", ["4"], "settings/tolerances/area", 0.04),
    ("plan", "--tolerance-dice", ["6"], "settings/tolerances/dice", 0.06),
    ("plan", "--tolerance-speed", ["9"], "settings/tolerances/speed", 0.09),
    ("plan", "--factors", ["1,0.3"], "settings/factors", (1.0, 0.3)),
    ("plan", "--photons", ["50"], "settings/photons", (50.0,)),
    ("plan", "--every", ["1,3"], "settings/every", (1, 3)),
    ("plan", "--images", ["3"], "settings/images", 3),
    ("plan", "--repeats", ["4"], "settings/repeats", 4),
    ("plan", "--photons-now", ["900"], "settings/photons_now", 900.0),
    ("plan", "--axes", ["YX"], "settings/reading/axes", "YX"),
    ("plan", "--channel", ["2"], "settings/reading/channel", 2),
    ("plan", "--pixel-size-um", ["0.5"], "settings/reading/pixel_size_um", 0.5),
    ("plan", "--threshold", ["0.3"], "settings/options/threshold", 0.3),
    ("plan", "--cell-diameter", ["30"], "settings/options/cell_diameter_px", 30.0),
    ("plan", "--no-rescale", [], "settings/options/rescale", False),
    ("plan", "--seed", ["4"], "settings/seed", 4),
    ("shrink", "--out", ["x"], "out", Path("x")),
    ("shrink", "--factor", ["0.5"], "factor", 0.5),
    ("shrink", "--bits", ["12"], "bits", 12),
    ("shrink", "--compression", ["zstd"], "compression", "zstd"),
    ("shrink", "--movie", [], "as_movies", True),
    ("shrink", "--axes", ["YX"], "reading/axes", "YX"),
    ("shrink", "--channel", ["2"], "reading/channel", 2),
    ("shrink", "--pixel-size-um", ["0.5"], "reading/pixel_size_um", 0.5),
    ("shrink", "--interval-min", ["7"], "reading/interval_min", 7.0),
    ("track", "--labels", ["x"], "path", Path("x")),
    ("track", "--out", ["x"], "out", Path("x")),
    ("track", "--interval-min", ["7"], "frame_interval_min", 7.0),
    ("track", "--pixel-size-um", ["0.5"], "pixel_size_um", 0.5),
    ("track", "--max-distance-px", ["9"], "settings/max_distance_px", 9.0),
    ("track", "--max-gap-frames", ["1"], "settings/max_gap_frames", 1),
    ("track", "--no-divisions", [], "settings/divisions", False),
    ("track", "--no-drift", [], "settings/drift", False),
    ("track", "--no-repair", [], "mend", False),
    ("track", "--tracker", ["motile"], "other", Other("motile")),
    ("track", "--images", ["x", "--tracker", "trackastra"], "other", LOOKING),
    ("pretrain", "--out", ["x"], "out", Path("x")),
    ("pretrain", "--recipe", ["ctc-unet"], "recipe", "ctc-unet"),
    ("pretrain", "--minutes", ["2.5"], "settings/train.minutes", 2.5),
    ("pretrain", "--epochs", ["7"], "settings/train.epochs", 7),
    ("pretrain", "--resume", [], "resume", True),
    ("pretrain", "--set", ["model.width=32"], "settings/model.width", 32),
    ("pretrain", "--init", ["m"], "settings/train.init", "m"),
    ("pretrain", "--axes", ["TCYX"], "reading/axes", "TCYX"),
    ("pretrain", "--channel", ["2"], "reading/channel", 2),
    ("pretrain", "--pixel-size-um", ["0.5"], "reading/pixel_size_um", 0.5),
    ("pretrain", "--licence", ["CC0"], "licence", ["CC0"]),
    ("pretrain", "--device", ["cuda"], "settings/train.device", "cuda"),
    ("pretrain", "--seed", ["4"], "settings/train.seed", 4),
    ("train", "--data", ["x"], "data", [Path("d"), Path("x")]),
    ("train", "--out", ["x"], "out", Path("x")),
    ("train", "--minutes", ["2.5"], "settings/train.minutes", 2.5),
    ("train", "--epochs", ["7"], "settings/train.epochs", 7),
    ("train", "--resume", [], "resume", True),
    ("train", "--set", ["model.width=32"], "settings/model.width", 32),
    ("train", "--init", ["m"], "settings/train.init", "m"),
    ("train", "--auto-balance", [], "settings/train.auto_balance", True),
    ("train", "--validation", ["a,b"], "validation", ["a", "b"]),
    ("train", "--annotation", ["silver"], "annotation", "silver"),
    ("train", "--licence", ["CC0", "--licence", "MIT"], "licence", ["CC0", "MIT"]),
    ("train", "--device", ["cuda"], "settings/train.device", "cuda"),
    ("train", "--seed", ["4"], "settings/train.seed", 4),
    ("crossval", "--data", ["x"], "path", [Path("d"), Path("x")]),
    ("crossval", "--out", ["x"], "out", Path("x")),
    ("crossval", "--folds", ["4"], "k", 4),
    ("crossval", "--minutes", ["2.5"], "recipe/train/minutes", 2.5),
    ("crossval", "--epochs", ["7"], "recipe/train/epochs", 7),
    ("crossval", "--set", ["model.width=32"], "recipe/model/width", 32),
    ("crossval", "--init", ["phase-open"], "recipe/train/init", "phase-open"),
    ("crossval", "--annotation", ["gold"], "annotation", "gold"),
    ("crossval", "--device", ["cpu"], "recipe/train/device", "cpu"),
    ("crossval", "--seed", ["4"], "recipe/train/seed", 4),
    ("crossval", "--jobs", ["4"], "jobs", 4),
    ("reproduce", "--data", ["x"], "data", Path("x")),
    ("reproduce", "--out", ["x"], "out", Path("x")),
    ("reproduce", "--minutes", ["2.5"], "settings/train.minutes", 2.5),
    ("reproduce", "--set", ["model.width=32"], "settings/model.width", 32),
    ("reproduce", "--folds", ["4"], "folds", 4),
    ("reproduce", "--quick", [], "quick", True),
    ("reproduce", "--only", ["a,b"], "only", ["a", "b"]),
    ("reproduce", "--annotation", ["gold"], "annotation", "gold"),
    ("degrade", "--out", ["x"], "out", Path("x")),
    ("degrade", "--factor", ["0.25"], "how/factor", 0.25),
    ("degrade", "--down", ["antialiased"], "how/down", "antialiased"),
    ("degrade", "--up", ["none"], "how/up", "none"),
    ("degrade", "--blur-px", ["2"], "how/blur_px", 2.0),
    ("degrade", "--photons", ["50"], "how/photons", 50.0),
    ("degrade", "--read-noise", ["2", "--photons", "9"], "how/read_noise", 2.0),
    ("degrade", "--bits", ["6"], "how/bits", 6),
    ("degrade", "--bleaching", ["0.1"], "how/bleaching", 0.1),
    ("degrade", "--offset", ["10"], "how/offset", 10.0),
    ("degrade", "--brightest", ["99"], "how/brightest", 99.0),
    ("degrade", "--seed", ["4"], "seed", 4),
    ("degrade", "--axes", ["TCYX"], "reading/axes", "TCYX"),
    ("degrade", "--channel", ["2"], "reading/channel", 2),
    ("degrade", "--pixel-size-um", ["0.5"], "reading/pixel_size_um", 0.5),
    ("join", "--out", ["x"], "out", Path("x")),
    ("join", "--restorer", ["x"], "restorer", "x"),
    ("join", "--segmenter", ["x"], "segmenter", "x"),
    ("simulate", "--out", ["x"], "out", Path("x")),
    ("simulate", "--modality", ["fluorescence"], "scene/modality", "fluorescence"),
    ("simulate", "--morphology", ["round"], "scene/morphology", "round"),
    ("simulate", "--frames", ["3"], "scene/frames", 3),
    ("simulate", "--height", ["64"], "scene/height", 64),
    ("simulate", "--width", ["96"], "scene/width", 96),
    ("simulate", "--cells", ["5"], "scene/cells", 5),
    ("simulate", "--seed", ["4"], "scene/seed", 4),
    ("simulate", "--varied", ["6"], "count", 6),
    ("simulate", "--set", ["photons=50"], "scene/photons", 50),
    ("simulate", "--classes", ["membrane"], "kind", "membrane"),
    ("expand", "--data", ["x"], "path", Path("x")),
    ("expand", "--out", ["x"], "out", Path("x")),
    ("expand", "--total", ["9"], "total", 9),
    ("expand", "--recipe", ["ctc-unet"], "augment", load_recipe("ctc-unet").augment),
    ("expand", "--seed", ["4"], "seed", 4),
    ("fetch", "--to", ["x"], "destination", Path("x")),
    ("fetch", "--addresses", ["x.toml"], "addresses", Path("x.toml")),
    ("info", "--axes", ["YX"], "axes", "YX"),
    ("info", "--channel", ["0"], "channel", 0),
    ("export", "--to", ["roi"], "to", "roi"),
    ("export", "--out", ["x"], "out", Path("x")),
    ("export", "--from", ["geff"], "source_format", "geff"),
    ("export", "--movie", ["a"], "movie", "a"),
    ("export", "--pixel-size-um", ["0.5"], "pixel_size_um", 0.5),
    ("export", "--interval-min", ["7"], "frame_interval_min", 7.0),
    ("export", "--ome-zarr", ["0.4"], "ome_zarr", "0.4"),
]
PRINTED = {  # see test_segment_command and its like, and the last test here
    ("segment", "--json"),
    ("analyze", "--json"),
    ("analyze", "--model"),
    ("analyze", "--device"),
    ("track", "--json"),
    ("evaluate", "--json"),
    ("compare", "--json"),
    ("doctor", "--json"),
    ("plan", "--json"),
    ("shrink", "--json"),
    ("evaluate", "--border-px"),
    ("info", "--movie"),
}
DEFAULTS = {  # the other sides of --no-split and its like
    ("segment", "--split"),
    *((verb, "--rescale") for verb in ("segment", "analyze", "evaluate", "doctor", "plan")),
    ("analyze", "--divisions"),
    ("analyze", "--repair"),
    ("track", "--divisions"),
    ("track", "--drift"),
    ("track", "--repair"),
}


class StopHere(Exception):  # noqa: N818  ends a verb that has handed on its arguments
    pass


@pytest.fixture
def arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs a verb with its recipe replaced, and gives the arguments that got there."""
    dataset = open_dataset(write_discs(tmp_path, ("a",)))
    monkeypatch.chdir(tmp_path)

    def invoke(verb: str, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with monkeypatch.context() as patch:
            for target in SPIES[verb]:
                _spy(patch, target, found, dataset if target == DATASET else None)
            if verb in ("segment", "doctor", "plan"):
                _spy_on_model(patch, found)
            result = CliRunner().invoke(app, [*BASE[verb], *words])
        assert isinstance(result.exception, StopHere), result.output
        return found

    return invoke


def _spy(patch: pytest.MonkeyPatch, target: str, found: dict[str, Any], answer: object) -> None:
    module, name = target.split(":")
    signature = inspect.signature(getattr(import_module(module), name))

    def spy(*args: object, **kwargs: object) -> object:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        found.update(bound.arguments)
        if answer is None:
            raise StopHere
        return answer

    patch.setattr(import_module(module), name, spy)


def _spy_on_model(patch: pytest.MonkeyPatch, found: dict[str, Any]) -> None:
    from tests.cases import bright_segmenter

    from softlight.inference.predict import Segmenter

    def from_saved(name: str, *, device: str) -> Segmenter:
        found.update(name_or_folder=name, device=device)
        return bright_segmenter()

    patch.setattr(Segmenter, "from_saved", staticmethod(from_saved))


def look_up(found: dict[str, Any], path: str) -> object:
    value: Any = found
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    return value


@pytest.mark.parametrize(
    ("verb", "flag", "given", "path", "expected"),
    TABLE,
    ids=[f"{row[0]} {row[1]}" for row in TABLE],
)
def test_a_flag_arrives(
    arrived: Callable[..., dict[str, Any]],
    verb: str,
    flag: str,
    given: list[str],
    path: str,
    expected: object,
) -> None:
    assert look_up(arrived(verb), path) != expected
    assert look_up(arrived(verb, flag, *given), path) == expected


def test_the_table_has_every_flag() -> None:
    command = typer.main.get_command(app)
    flags = {
        (verb, flag)
        for verb, sub in command.commands.items()  # type: ignore[attr-defined]
        for param in sub.params
        for flag in (*param.opts, *param.secondary_opts)
        if flag.startswith("--") and flag != "--help"
    }
    assert flags == {(row[0], row[1]) for row in TABLE} | PRINTED | DEFAULTS


def test_varied_scenes_take_what_they_can(arrived: Callable[..., dict[str, Any]]) -> None:
    words = ("--varied", "2", "--modality", "fluorescence", "--height", "64", "--seed", "9")
    assert arrived("simulate", *words)["morphology"] is None
    found = arrived("simulate", *words, "--morphology", "round")
    assert found["morphology"] == "round"
    assert (found["count"], found["modality"], found["size"], found["seed"]) == (
        2,
        "fluorescence",
        (64, 256),
        9,
    )


def test_tissue_takes_what_it_can_and_refuses_the_rest(
    arrived: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    words = ("--classes", "three-class", "--varied", "2", "--height", "64", "--seed", "9")
    found = arrived("simulate", *words)
    assert (found["images"], found["size"], found["seed"]) == (2, (64, 256), 9)
    assert arrived("simulate", "--classes", "membrane")["images"] == 20
    command = ["simulate", "--out", str(tmp_path), "--classes", "membrane", "--cells", "9"]
    result = CliRunner().invoke(app, [*command, "--set", "photons=5"])
    assert "--cells, --set would change nothing" in str(result.exception)


def test_epochs_go_before_a_budget_of_the_recipe(arrived: Callable[..., dict[str, Any]]) -> None:
    timed = arrived("crossval", "--set", "train.minutes=3")
    assert timed["recipe"].train.minutes == 3
    found = arrived("train", "--epochs", "5")
    assert found["settings"] == {"train.epochs": 5, "train.minutes": None}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("a.b=3", 3),
        ("a.b=3.5", 3.5),
        ("a.b=true", True),
        ("a.b=[1, 2]", [1, 2]),
        ("a.b=sgd", "sgd"),
        ("a.b='sgd'", "sgd"),
        ("a.b=x=y", "x=y"),
        (" a.b =1", 1),
    ],
)
def test_settings_are_read_as_toml_and_else_as_text(word: str, value: object) -> None:
    from softlight.apps.commands.training import parse_assignments

    assert parse_assignments([word]) == {"a.b": value}


def test_info_takes_a_folder_as_a_movie(tmp_path: Path) -> None:
    images = write_discs(tmp_path, ("t0", "t1")) / "images"
    stills = CliRunner().invoke(app, ["info", str(images)]).output
    movie = CliRunner().invoke(app, ["info", str(images), "--movie"]).output
    assert len(stills.splitlines()) == 2
    assert movie.startswith("images: 2 x ")
