import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter

from softlight.config import ConfigError
from softlight.io.labels import write_labels
from softlight.recipes.plan.choose import by_gentleness, judge
from softlight.recipes.plan.curves import ERRORS, errors_between, made_worse
from softlight.recipes.plan.plan import plan
from softlight.recipes.plan.settings import CLEAN, PlanSettings, Setting, Tolerances
from softlight.recipes.plan.speed import longest_that_holds

ROWS, COLUMNS = np.mgrid[:96, :96]


def field(seed: int, *, shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """An 8-bit image of nine bright discs that lie apart, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((96, 96), np.int32)
    for number in range(9):
        row, column = (16 + 32 * np.array(divmod(number, 3)) + rng.integers(-3, 4, 2)).tolist()
        labels[(ROWS - row) ** 2 + (COLUMNS - column - shift) ** 2 <= 8**2] = number + 1
    image = np.where(labels > 0, 200, 40) + rng.normal(0, 1, labels.shape)
    return np.rint(image).astype(np.uint8), labels


def write_fields(folder: Path, number: int) -> Path:
    (folder / "images").mkdir(parents=True)
    for seed in range(number):
        image, labels = field(seed)
        name = f"{'abcdefgh'[seed]}.tif"
        tifffile.imwrite(folder / "images" / name, image)
        write_labels(folder / "labels" / name, labels)
    return folder


@pytest.fixture(autouse=True)
def _no_page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts take seconds; they are drawn where they are looked at."""
    if "with_report" not in request.keywords:
        monkeypatch.setattr("softlight.recipes.plan.page.plan_page", lambda *_: None)


SMALL = PlanSettings(factors=(0.5, 0.25), photons=(100.0, 10.0, 3.0), repeats=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("softlight.recipes.plan.page.plan_page", lambda *_: None)
        return _made(tmp_path_factory)


def _made(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = write_fields(tmp_path_factory.mktemp("plan"), 4)
    told: list[tuple[str, int, int]] = []
    found = plan(
        [folder / "images"],
        bright_segmenter(min_area_px=20),
        folder / "out",
        labels=folder / "labels",
        settings=SMALL,
        progress=lambda *now: told.append(now),
    )
    return found, folder / "out", told


def test_something_gentler_is_found_and_written(made) -> None:  # type: ignore[no-untyped-def]
    found, out, told = made
    assert found.gentler
    assert found.every == 1
    row = found.table[
        (found.table["factor"] == found.recommended.factor)
        & (found.table["photons"] == found.recommended.photons)
    ].iloc[0]
    assert row["count_high"] <= 0.05
    assert row["confluence_high"] <= 0.02
    assert told[-1] == ("Settings", len(SMALL.grid()), len(SMALL.grid()))
    assert pd.read_csv(out / "plan.csv")["factor"].tolist() == found.table["factor"].tolist()
    said = json.loads((out / "plan.json").read_text(), parse_constant=pytest.fail)
    assert said["recommended"]["factor"] == found.recommended.factor
    assert said["gentler"]
    assert "Recommended: " in found.lines()[0]


def test_every_gentler_setting_that_was_passed_over_fails_or_costs_more(made) -> None:  # type: ignore[no-untyped-def]
    found, _, _ = made
    best = found.recommended.dose(found.photons_now)
    for row in found.table.to_dict("records"):
        setting = Setting(row["factor"], row["photons"])
        if setting.dose(found.photons_now) < best:
            assert not row["allowed"]


@pytest.mark.with_report
def test_the_page_shows_the_cells_at_the_setting(tmp_path: Path) -> None:
    folder = write_fields(tmp_path, 3)
    few = PlanSettings(factors=(0.5,), photons=(100.0,), repeats=1)
    found = plan([folder / "images"], bright_segmenter(), tmp_path / "out", settings=few)
    page = found.report.read_text()
    for title in ("What is recommended", "Cells at this setting", "How errors grow"):
        assert title in page
    assert page.count("data:image/jpeg") == 3
    assert page.count("data:image/png") == 2 * len(ERRORS)


def test_without_labels_the_models_answer_is_true(tmp_path: Path) -> None:
    folder = write_fields(tmp_path, 4)
    found = plan(
        [folder / "images"], bright_segmenter(min_area_px=20), folder / "out", settings=SMALL
    )
    first = found.table.iloc[0]
    assert [first[f"{name}_error"] for name in ERRORS] == [0, 0, 0, 0]
    assert any("No labels were given" in note for note in found.notes)


def test_when_nothing_holds_it_says_so(tmp_path: Path) -> None:
    folder = write_fields(tmp_path, 3)
    blind = bright_segmenter(threshold=0.999)
    found = plan(
        [folder / "images"], blind, tmp_path / "out", labels=folder / "labels", settings=SMALL
    )
    assert found.recommended is None
    assert not found.gentler
    assert "not even the images as they are" in found.lines()[0]
    assert any("error of count and confluence is not tolerated" in note for note in found.notes)


def test_when_nothing_gentler_holds_it_says_so(tmp_path: Path) -> None:
    folder = write_fields(tmp_path, 4)
    strict = PlanSettings(factors=(0.34,), photons=(1.0,), tolerances=Tolerances(dice=0.001))
    found = plan([folder / "images"], bright_segmenter(), tmp_path / "out", settings=strict)
    assert found.recommended == Setting()
    assert found.lines()[0] == "Nothing gentler holds: keep imaging as you do."


def test_one_image_is_too_few_to_recommend_anything(tmp_path: Path) -> None:
    folder = write_fields(tmp_path, 1)
    found = plan([folder / "images"], bright_segmenter(), tmp_path / "out", settings=SMALL)
    assert found.recommended is None
    assert any("There is only one image" in note for note in found.notes)


def test_a_movie_may_be_taken_less_often(tmp_path: Path) -> None:
    frames = np.stack([field(0, shift=t)[0] for t in range(12)])  # one pixel a frame, straight
    tifffile.imwrite(tmp_path / "movie.tif", frames, imagej=True, metadata={"axes": "TYX"})
    settings = PlanSettings(factors=(0.5,), photons=(), every=(1, 2, 4), repeats=1, images=6)
    found = plan([tmp_path / "movie.tif"], bright_segmenter(), tmp_path / "out", settings=settings)
    assert found.every > 1
    assert set(found.speed["every"]) == {1, 2, 4}
    assert found.speed["speed_error"].max() < 0.1
    assert (tmp_path / "out" / "speed.csv").is_file()
    assert "one frame in" in found.lines()[0]


def test_speeds_that_do_not_hold_are_named(tmp_path: Path) -> None:
    frames = np.stack([field(0, shift=t)[0] for t in range(8)])
    tifffile.imwrite(tmp_path / "movie.tif", frames, imagej=True, metadata={"axes": "TYX"})
    settings = PlanSettings(
        factors=(),
        photons=(),
        every=(1,),
        images=6,
        tolerances=Tolerances(count=1.0, confluence=1.0),
    )
    faster = np.stack([field(0, shift=2 * t)[1] for t in range(8)])
    write_labels(tmp_path / "labels.tif", faster)  # as if cells were twice as fast
    found = plan(
        [tmp_path / "movie.tif"],
        bright_segmenter(),
        tmp_path / "out",
        labels=tmp_path / "labels.tif",
        settings=settings,
    )
    assert found.recommended is None
    assert any("the mean speed is not within" in note for note in found.notes)


def test_images_of_odd_sizes_and_small_ones(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, shape in enumerate([(95, 77), (81, 96), (90, 90)]):
        image = field(number)[0][: shape[0], : shape[1]]
        tifffile.imwrite(tmp_path / "in" / f"{'abc'[number]}.tif", image)
    settings = PlanSettings(factors=(1.0, 0.7, 0.43, 0.25), photons=(50.0,), repeats=1)
    found = plan([tmp_path / "in"], bright_segmenter(), tmp_path / "out", settings=settings)
    assert sorted(set(found.table["factor"])) == [0.43, 0.7, 1.0]
    assert any("0.25 of the resolution, which would leave" in note for note in found.notes)


def test_errors_by_hand() -> None:
    true = np.zeros((10, 10), np.int32)
    true[:2, :5], true[5:7, :5] = 1, 2
    found = np.zeros((10, 10), np.int32)
    found[:2, :6] = 1
    errors = errors_between(found, true)
    assert errors["count"] == 0.5
    assert errors["confluence"] == pytest.approx(0.08)
    assert errors["area"] == pytest.approx(0.2)
    assert errors["dice"] == pytest.approx(1 - 2 * 10 / 32)
    empty = np.zeros_like(true)
    assert set(errors_between(empty, empty).values()) == {0.0}
    assert errors_between(true, empty)["count"] == 1


def test_colour_is_made_worse_channel_by_channel() -> None:
    image = np.stack([field(n)[0] for n in range(3)], axis=2)
    worse = made_worse(image, Setting(0.5, 20), seed=1)
    assert worse.shape == image.shape
    assert np.array_equal(image[..., 0], field(0)[0])
    assert made_worse(image, Setting(), seed=1) is image


def table_of(*rows: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"factor": f, "photons": p, "count_high": high, "confluence_high": 0.0}
            for f, p, high in rows
        ]
    )


def test_what_passes_where_a_better_one_fails_is_not_trusted() -> None:
    table = judge(
        table_of((1, CLEAN, 0), (1, 100, 0.2), (1, 30, 0.01), (0.5, CLEAN, 0.04)),
        Tolerances(),
        photons_now=1000,
    )
    assert table["holds"].tolist() == [True, False, True, True]
    assert table["allowed"].tolist() == [True, False, False, True]
    assert by_gentleness(table, photons_now=1000) == [Setting(0.5), Setting()]


def test_light_is_photons_a_place_of_the_cells() -> None:
    assert Setting(0.5, 100).light(400) == 100 * 0.25 / 400
    assert Setting(0.5).light(400) == 1
    assert math.isnan(Setting(0.5, 100).light(math.inf))
    table = judge(table_of((1, CLEAN, 0), (1, 30, 0), (0.5, 100, 0)), Tolerances(), photons_now=400)
    ordered = by_gentleness(table, photons_now=400)
    assert ordered == [Setting(0.5, 100), Setting(1, 30), Setting()]  # 25, 30 photons a place


def test_an_unknown_interval_does_not_hold() -> None:
    table = judge(table_of((1, CLEAN, math.nan)), Tolerances(), photons_now=1000)
    assert not table["allowed"].any()


def test_frames_further_apart_hold_in_a_row() -> None:
    table = pd.DataFrame({"every": [1, 2, 4, 8], "speed_high": [0.02, 0.05, 0.2, 0.05]})
    assert longest_that_holds(table, 0.1) == 2
    assert longest_that_holds(table, 0.01) == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"factors": (2.0,)}, "factors has 2; each must be above 0 and at most 1"),
        ({"photons": (0.0,)}, "photons has 0; each must be above 0"),
        ({"every": (0,)}, "every has 0"),
        ({"images": 0}, "at least one of each"),
        ({"photons_now": -1.0}, "photons_now is -1"),
    ],
)
def test_wrong_settings(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        PlanSettings(**wrong)  # type: ignore[arg-type]


def test_wrong_tolerances_and_images(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tolerance of count is 0 %"):
        Tolerances(count=0.0)
    with pytest.raises(ConfigError, match="No tolerance is given"):
        Tolerances(count=None, confluence=None)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 90), np.uint8))
    with pytest.raises(ConfigError, match="a plan needs images of at least 32 x 32"):
        plan([tmp_path], bright_segmenter(), tmp_path / "out")
    write_fields(tmp_path / "other", 1)
    write_labels(tmp_path / "labels" / "a.tif", np.zeros((9, 9), np.int32))
    with pytest.raises(ConfigError, match="they must be of one size"):
        plan(
            [tmp_path / "other" / "images"],
            bright_segmenter(),
            tmp_path / "out",
            labels=tmp_path / "labels",
        )
