from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import torch.nn.functional as F
from tests.cases import Output, bright_spec
from torch import nn

from softlight.config import ConfigError, FingerprintConfig, PreprocessConfig, SizeConfig
from softlight.data.normalize import PreprocessError
from softlight.data.samples import Annotated, Sample
from softlight.inference.predict import Segmenter
from softlight.recipes.divide import Options
from softlight.recipes.scale import CLEARLY, fit_scale, learn_size, passes_at
from softlight.recipes.segment import Reading, segment

RADIUS = 8  # of the training cells


class Blurred(nn.Module):
    """A network that is blind to what is small: the logit is of the image, blurred."""

    def forward(self, x: torch.Tensor) -> Output:
        around = F.avg_pool2d(x, 7, stride=1, padding=3, count_include_pad=False)
        return Output(12 * (around - 0.5))


def field(radius: float, *, side: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A dark 8-bit image with bright discs of this radius on a loose grid, and their labels."""
    rng = np.random.default_rng(seed)
    step = round(4 * radius)
    side = side or 6 * step
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for label, (row, column) in enumerate(np.ndindex(side // step, side // step), start=1):
        middle = (np.array([row, column]) + 0.5) * step + rng.uniform(-0.3, 0.3, 2) * radius
        labels[(rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= radius**2] = label
    return np.where(labels > 0, 200, 20).astype(np.uint8), labels


def sample(radius: float, seed: int) -> Sample:
    image, labels = field(radius, seed=seed)
    return Sample(f"s{seed}", f"g{seed}", lambda: Annotated(image, labels))


def blurred(**fields: object) -> Segmenter:
    spec = bright_spec(cell_diameter_px=2.0 * RADIUS, **fields)
    return Segmenter(Blurred(), spec, device="cpu", precision="32")


def is_near(zoom: float, right: float) -> bool:
    """Whether it is so near that the image would be left alone."""
    return 1 / CLEARLY < zoom / right < CLEARLY


@pytest.fixture(scope="module")
def taught() -> Segmenter:
    """A segmenter that has learned how its scores rise with size."""
    size = learn_size(blurred(), [sample(RADIUS, seed) for seed in range(3)])
    assert size is not None
    return blurred(fingerprint=FingerprintConfig(images=3, traits={}, size=size))


@pytest.mark.parametrize("radius", [3.5, 16, 24, 40])
def test_cells_of_another_size_are_brought_to_that_of_the_training(
    taught: Segmenter, radius: float
) -> None:
    scaled = fit_scale(field(radius, seed=7)[0], taught)
    assert scaled.source == "estimate"
    assert is_near(scaled.zoom, RADIUS / radius)
    assert "--no-rescale" in scaled.note
    assert "--cell-diameter" in scaled.note


@pytest.mark.parametrize("radius", [7, 8, 10])
def test_about_the_right_size_is_left_alone(taught: Segmenter, radius: float) -> None:
    scaled = fit_scale(field(radius, seed=7)[0], taught)
    assert (scaled.segmenter, scaled.zoom, scaled.note) == (taught, 1.0, "")


def test_it_costs_about_one_more_pass(taught: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    run = Segmenter._run
    monkeypatch.setattr(Segmenter, "_run", lambda self, x: (seen.append(x.size), run(self, x))[1])
    image = field(RADIUS, side=512)[0]
    assert fit_scale(image, taught).zoom == 1
    assert sum(seen) < 1.5 * image.size


def test_without_a_hint_nothing_is_done(taught: Segmenter) -> None:
    image = field(24)[0]
    assert fit_scale(image, blurred()).zoom == 1  # an older model, which knows no sizes
    assert fit_scale(image, taught, Options(rescale=False)).zoom == 1
    assert fit_scale(np.full_like(image, 20), taught).zoom == 1  # nothing in it
    assert passes_at(np.full_like(image, 20), taught) is None
    whole = PreprocessConfig(method="range", minimum=0, maximum=255, resize_to=(64, 64))
    fingerprint = FingerprintConfig(images=1, traits={}, size=SizeConfig(octaves=-1))
    assert fit_scale(image, blurred(preprocess=whole, fingerprint=fingerprint)).zoom == 1


def test_a_diameter_decides(taught: Segmenter) -> None:
    image = field(24)[0]
    scaled = fit_scale(image, taught, Options(cell_diameter_px=32.0, rescale=False))
    assert (scaled.source, scaled.zoom) == ("cell diameter", 0.5)
    assert scaled.segmenter.scale_for(image.shape) == 0.5
    halved = blurred(preprocess=PreprocessConfig(method="range", maximum=255, scale=0.5))
    again = fit_scale(image, halved, Options(cell_diameter_px=32.0))
    assert again.zoom == 1.0  # the preprocessing halves it already
    assert again.segmenter.scale_for(image.shape) == 0.5
    with pytest.raises(ConfigError, match=r"bright does not know how large .* leave it out"):
        fit_scale(
            image, Segmenter(Blurred(), bright_spec(), device="cpu"), Options(cell_diameter_px=9)
        )
    with pytest.raises(ConfigError, match=r"is 0 px; it must be above 0"):
        fit_scale(image, taught, Options(cell_diameter_px=0.0))
    with pytest.raises(PreprocessError, match=r"Check the cell diameter"):
        fit_scale(image, taught, Options(cell_diameter_px=0.01))


def test_the_pixel_size_goes_before_the_estimate(taught: Segmenter) -> None:
    known = taught.spec.model_copy(update={"pixel_size_um": 1.0})
    segmenter = Segmenter(Blurred(), known, device="cpu", precision="32")
    image = field(RADIUS)[0]
    finer = fit_scale(image, segmenter, pixel_size_um=0.5)
    assert (finer.source, finer.zoom) == ("pixel size", 0.5)
    assert "0.5 µm wide and was 1 µm in training" in finer.note
    assert fit_scale(image, segmenter, pixel_size_um=1.2).zoom == 1
    assert fit_scale(image, segmenter, Options(rescale=False), pixel_size_um=0.5).zoom == 1
    absurd = fit_scale(image, segmenter, pixel_size_um=264.0)
    assert absurd.zoom == 1
    assert "cannot be; it was ignored" in absurd.note


def test_a_model_of_a_stated_pixel_size_is_left_to_it() -> None:
    stated = PreprocessConfig(method="range", maximum=255, pixel_size_um=1.0)
    segmenter = blurred(preprocess=stated, pixel_size_um=1.0)
    scaled = fit_scale(field(8)[0], segmenter, pixel_size_um=0.5)
    assert scaled.segmenter is segmenter
    assert segmenter.scale_for((100, 100), 0.5) == 0.5


def test_sizes_that_cannot_be_told_are_not_learned() -> None:
    empty = Sample("e", "e", lambda: Annotated(np.zeros((64, 64), np.uint8), field(8)[1][:64, :64]))
    assert learn_size(blurred(), [empty]) is None
    assert learn_size(blurred(), []) is None


def test_segment_says_what_it_did(taught: Segmenter, tmp_path: Path) -> None:
    image, labels = field(24)
    tifffile.imwrite(tmp_path / "large.tif", image)
    (result,) = segment([tmp_path / "large.tif"], taught, tmp_path / "out", reading=Reading())
    assert is_near(result.begun.zoom, 1 / 3)
    assert "as large as those of the training images" in result.notes[0]
    assert result.rows[0]["cells"] == labels.max()
    run = (tmp_path / "out" / "run.json").read_text(encoding="utf-8")
    assert '"zoom": 0.' in run
    assert "as large as" in run
