import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from tests.cases import Output, bright_spec
from torch import nn

from softlight.config import ModelConfig
from softlight.inference.predict import Segmenter
from softlight.io.labels import open_label_movie, read_labels
from softlight.recipes.analysis import analyze as room
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.analysis.kept import KeptFrames
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.class_maps import class_path, in_cells
from softlight.recipes.divide import Options, find_cells
from softlight.recipes.finder import Begun
from softlight.recipes.segment import segment, summary

BLOOD = ("background", "cytoplasm", "nucleus")
TISSUE = ("cytoplasm", "membrane", "nucleus")
DARK, MIDDLE, BRIGHT = 20, 120, 220


class ThreeLevels(nn.Module):
    """Calls a value near 0 the first class, one near a half the second, near 1 the third."""

    def forward(self, x: torch.Tensor) -> Output:
        levels = torch.tensor([DARK, MIDDLE, BRIGHT], device=x.device).view(1, 3, 1, 1) / 255
        return Output(-200 * (x - levels) ** 2)


def three_levels(classes: tuple[str, ...] = BLOOD) -> Segmenter:
    spec = bright_spec(classes=classes, model=ModelConfig(depth=1, width=1, out_channels=3))
    return Segmenter(ThreeLevels(), spec, device="cpu", precision="32")


def blood() -> np.ndarray:
    """Two cells of 20 x 20 pixels: one with a nucleus of 8 x 8, one with two of 4 x 4."""
    image = np.full((64, 64), DARK, np.uint8)
    image[4:24, 4:24] = MIDDLE
    image[10:18, 10:18] = BRIGHT
    image[36:56, 30:50] = MIDDLE
    image[38:42, 32:36] = BRIGHT
    image[48:52, 42:46] = BRIGHT
    return image


def write(path: Path, image: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image, **options)  # type: ignore[arg-type]
    return path


def test_class_maps_areas_and_what_cells_hold(tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.tif", blood())
    out = tmp_path / "out"
    (result,) = segment([file], three_levels(), out)
    classes = read_labels(out / "classes" / "a.tif")
    np.testing.assert_array_equal(classes, np.digitize(blood(), [70, 170]))
    areas = pd.read_csv(out / "classes.csv").set_index("class")
    assert areas["value"].to_dict() == {"background": 0, "cytoplasm": 1, "nucleus": 2}
    assert areas["area_px"].to_dict() == {"background": 3296, "cytoplasm": 704, "nucleus": 96}
    assert areas.loc["nucleus", "share"] == pytest.approx(96 / 4096)
    cells = pd.read_csv(out / "cells.csv").set_index("area_px", drop=False)
    assert cells["area_px"].tolist() == [400, 400]
    assert cells["nucleus_area_px"].tolist() == [64, 32]
    assert cells["nucleus_share"].tolist() == [0.16, 0.08]
    assert cells["nucleus_count"].tolist() == [1, 2]
    assert cells["cytoplasm_area_px"].tolist() == [336, 368]
    assert "background_area_px" not in cells
    assert result.line() == (
        "a.tif: 2 cells, confluence 19.5%; background 80.5%, cytoplasm 17.2%, nucleus 2.3%"
    )
    (said,) = summary([result])
    assert said["classes"] == str(out / "classes" / "a.tif")
    run = json.loads((out / "run.json").read_text())
    assert run["model"]["classes"] == list(BLOOD)


def test_membranes_part_cells_whatever_lies_in_them(tmp_path: Path) -> None:
    image = np.full((60, 60), DARK, np.uint8)
    image[29:31] = MIDDLE  # membranes: a cross
    image[:, 29:31] = MIDDLE
    image[8:18, 8:18] = BRIGHT
    found = find_cells(image, three_levels(TISSUE), Options())
    assert found.labels.max() == 4
    assert (found.labels[29:31] == 0).all()
    assert (found.labels[8:18, 8:18] == found.labels[0, 0]).all()
    assert in_cells(three_levels(TISSUE).spec) == {0: "cytoplasm", 2: "nucleus"}
    out = tmp_path / "out"
    segment([write(tmp_path / "a.tif", image)], three_levels(TISSUE), out)
    cells = pd.read_csv(out / "cells.csv")
    assert sorted(cells["nucleus_area_px"]) == [0, 0, 0, 100]
    assert cells["cytoplasm_share"].max() == 1


def test_a_movie_has_a_map_a_frame_and_areas_in_micrometres(tmp_path: Path) -> None:
    frames = np.stack([blood(), blood()[::-1]])
    file = write(
        tmp_path / "m.tif",
        frames,
        imagej=True,
        metadata={"axes": "TYX", "unit": "um"},
        resolution=(2.0, 2.0),
    )
    out = tmp_path / "out"
    (result,) = segment([file], three_levels(), out)
    maps = open_label_movie(out / "classes" / "m.tif")
    assert len(maps) == 2
    np.testing.assert_array_equal(maps[1], np.digitize(frames[1], [70, 170]))
    table = pd.read_csv(out / "classes.csv")
    assert table["frame"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["area_um2"].tolist() == (table["area_px"] / 4).tolist()
    assert pd.read_csv(out / "cells.csv")["nucleus_area_um2"].max() == 16
    assert "2 frames" in result.line()


def test_a_failed_file_leaves_no_class_map_of_an_older_run(tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.tif", blood())
    out = tmp_path / "out"
    segment([file], three_levels(), out)
    assert (out / "classes" / "a.tif").is_file()
    file.write_bytes(b"II*\0 nothing")
    (result,) = segment([file], three_levels(), out)
    assert result.error
    assert not (out / "classes" / "a.tif").exists()
    assert not result.classes
    with pytest.raises(ValueError, match="where the results would mix"):
        segment([write(out / "classes" / "b.tif", blood())], three_levels(), out)
    assert class_path(out / "labels" / "b.tif") == out / "classes" / "b.tif"


def test_a_threshold_weighs_the_background(tmp_path: Path) -> None:
    image = blood()
    image[26:30] = 71  # a little nearer to the second class than to the first
    wide = find_cells(image, three_levels(), Options())
    narrow = find_cells(image, three_levels(), Options(threshold=0.9))
    assert wide.classes is not None
    assert narrow.classes is not None
    assert (wide.classes[26:30] == 1).all()
    assert (narrow.classes[26:30] == 0).all()
    np.testing.assert_array_equal(narrow.labels > 0, narrow.classes > 0)


def test_an_analysis_knows_what_its_cells_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "analysis_page", lambda out, *_, **__: out / "report.html")
    frames = np.stack([np.roll(blood(), shift, axis=1) for shift in range(4)])
    file = write(tmp_path / "a.tif", frames, photometric="minisblack")
    out = tmp_path / "out"
    analyze([file], three_levels(), out, settings=AnalyzeSettings(options=Options()))
    objects = pd.read_csv(out / "objects.csv")
    assert len(objects) == 8
    assert objects.groupby("track_id")["nucleus_area_px"].agg(set).tolist() in (
        [{64}, {32}],
        [{32}, {64}],
    )
    assert sorted(objects["nucleus_share"].unique()) == [0.08, 0.16]
    np.testing.assert_array_equal(
        open_label_movie(out / "classes" / "a.tif")[3], np.digitize(frames[3], [70, 170])
    )
    areas = pd.read_csv(out / "classes.csv")
    assert areas.loc[areas["class"] == "nucleus", "area_px"].tolist() == [96] * 4


def test_frames_that_are_kept_have_their_classes(tmp_path: Path) -> None:
    found = find_cells(blood(), three_levels(), Options())
    kept = KeptFrames(tmp_path, {})
    kept.keep(0, found, Begun())
    again = KeptFrames(tmp_path, {}).frame(0)
    assert again is not None
    assert again.classes is not None
    np.testing.assert_array_equal(again.classes, found.classes)
