import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import bright_segmenter
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.config import FingerprintConfig
from softlight.inference.predict import Segmenter
from softlight.recipes.doctor import diagnose
from softlight.recipes.segment import Reading
from softlight.recipes.trust import learn_trust

from .test_trust import disc_field, fields


@pytest.fixture(scope="module")
def knowing() -> Segmenter:
    spec = learn_trust(bright_segmenter(), fields(4), fields(3, start=5))
    return bright_segmenter(trust=spec.trust, fingerprint=spec.fingerprint)


def write(path: Path, image: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, image, **options)  # type: ignore[arg-type]
    return path


def test_an_image_like_the_training_is_fine(knowing: Segmenter, tmp_path: Path) -> None:
    found = diagnose(write(tmp_path / "a.tif", disc_field(50)[0]), knowing)
    assert found.fine
    assert found.cells == 25
    assert 0.5 < found.score <= 1
    assert found.lines()[0].startswith("a.tif: 25 cells, mean score 0.")
    assert "like those of the training" in found.lines()[-1]
    value, low, high = found.traits["contrast"]
    assert 0.8 * low < value < 1.2 * high


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda x: 255 - x, "intensities"),
        (lambda x: np.full_like(x, 9), "empty"),
        (lambda x: (x // 10).astype(np.uint8), "levels"),
        (lambda x: np.where(x > 100, 255, x).astype(np.uint8), "saturated"),
        (lambda x: x[:6], "axes"),
        (
            lambda x: np.clip(x + np.random.default_rng(1).normal(0, 50, x.shape), 0, 254).astype(
                np.uint8
            ),
            "noise",
        ),
    ],
)
def test_what_is_wrong_is_said_and_what_to_try(
    change: object, kind: str, knowing: Segmenter, tmp_path: Path
) -> None:
    image = change(disc_field(50)[0])  # type: ignore[operator]
    found = diagnose(write(tmp_path / "a.tif", image), knowing)
    assert kind in [fault.kind for fault in found.faults]
    text = "\n".join(found.lines())
    for fault in found.faults:
        assert fault.what in text
        assert fault.advice in text


def test_nothing_found_in_an_image_like_the_training(tmp_path: Path) -> None:
    dark = (20 + np.indices((64, 64)).sum(axis=0) % 3).astype(np.uint8)
    found = diagnose(write(tmp_path / "dark.tif", dark), bright_segmenter())
    assert [fault.kind for fault in found.faults] == ["nothing"]
    assert found.lines()[0] == "dark.tif: no cell"
    assert "does not know what its training images were like" in found.notes[-1]
    assert np.isnan(found.score)


def test_channels_that_are_read_as_frames(knowing: Segmenter, tmp_path: Path) -> None:
    one, other = disc_field(1)[0], np.random.default_rng(0).integers(0, 60, (96, 96), np.uint8)
    stack = np.stack([one, other, other[::-1], one])
    file = write(tmp_path / "c.tif", stack, photometric="minisblack")
    found = diagnose(file, knowing, reading=Reading(axes="TYX"))
    assert any("as unlike as channels are" in fault.what for fault in found.faults)
    movie = write(tmp_path / "t.tif", np.stack([one] * 4), photometric="minisblack")
    assert diagnose(movie, knowing, reading=Reading(axes="TYX")).fine


def test_cells_of_another_size_than_the_training(tmp_path: Path) -> None:
    traits = {"cell_diameter_px": (28.0, 30.0, 32.0)}
    fingerprint = FingerprintConfig(images=20, traits=traits)
    segmenter = bright_segmenter(fingerprint=fingerprint, cell_diameter_px=30.0)
    found = diagnose(write(tmp_path / "a.tif", disc_field(3)[0]), segmenter)
    (fault,) = [fault for fault in found.faults if fault.kind == "scale"]
    assert "smaller" in fault.what
    assert "--cell-diameter" in fault.advice


def test_the_command_prints_lines_or_json(
    knowing: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segmenter, "from_saved", staticmethod(lambda name, device: knowing))
    write(tmp_path / "a.tif", 255 - disc_field(50)[0])
    write(tmp_path / "b.tif", disc_field(51)[0])
    said = CliRunner().invoke(app, ["doctor", str(tmp_path), "--model", "m"])
    assert said.exit_code == 0
    assert "Invert the image" in said.stdout
    given = CliRunner().invoke(app, ["doctor", str(tmp_path), "--model", "m", "--json"])
    first, second = json.loads(given.stdout)
    assert first["faults"][0]["advice"]
    assert second["fine"] is True
    assert second["traits"]["contrast"]["training_low"] > 0
    missing = CliRunner().invoke(app, ["doctor", str(tmp_path / "no.tif"), "--model", "m"])
    assert "does not exist" in str(missing.exception)
