from dataclasses import replace

import numpy as np
import pytest

from softlight.data.cells import median_cell_diameter
from softlight.data.samples import Annotated, Sample
from softlight.data.sized import at_cell_diameter, sized_by_set

RNG = np.random.default_rng(0)


def squares(side: int, *, colour: bool = False, valid: bool = False) -> Sample:
    labels = np.zeros((6 * side, 8 * side), np.int32)
    labels[side : 2 * side, side : 2 * side] = 7
    labels[3 * side : 4 * side, 4 * side : 5 * side] = 9
    image = (labels > 0).astype(np.uint16) * 500 + 100
    known = np.ones(labels.shape, bool) if valid else None
    read = Annotated(np.stack([image] * 3, -1) if colour else image, labels, known, 0.5)
    return Sample("one", "one", lambda: read)


@pytest.mark.parametrize(("side", "diameter"), [(8, 24.0), (60, 24.0), (60, 12.0)])
def test_the_median_cell_gets_the_diameter(side: int, diameter: float) -> None:
    found = at_cell_diameter(squares(side, valid=True), diameter).read()
    assert median_cell_diameter(found.labels) == pytest.approx(diameter, rel=0.06)
    assert found.image.shape == found.labels.shape
    assert found.valid is not None
    assert found.valid.shape == found.labels.shape
    assert set(np.unique(found.labels)) == {0, 7, 9}
    assert found.image[found.labels > 0].mean() > 550  # image and labels still lie together
    assert found.pixel_size_um is None


def test_colour_keeps_its_channels() -> None:
    assert at_cell_diameter(squares(8, colour=True), 24).read().image.shape[2] == 3


def test_nothing_is_resized_beyond_reason() -> None:
    assert at_cell_diameter(squares(4), 200).read().labels.shape == (192, 256)


def test_images_of_that_size_and_without_single_cells_stay_as_they_are() -> None:
    same = squares(21)
    assert at_cell_diameter(same, 24).read().image is same.read().image
    foreground = Annotated(np.ones((20, 20)), (RNG.random((20, 20)) > 0.5).astype(np.int32))
    kept = at_cell_diameter(Sample("mask", "mask", lambda: foreground), 24).read()
    assert kept is foreground


def test_images_of_a_set_keep_their_sizes_to_each_other() -> None:
    def of(name: str, side: int) -> Sample:
        return replace(squares(side), tags={"set": name})

    samples = [of("a", 10), of("a", 20), of("a", 40), of("b", 8)]
    mask = np.zeros((16, 16), np.int32)
    mask[2:9, 2:9] = 1
    foreground = Annotated(mask.astype(np.uint8), mask)
    samples.append(Sample("mask", "mask", lambda: foreground, {"set": "c"}))
    found = [sample.read() for sample in sized_by_set(samples, 24, like=samples[:4])]
    widths = [median_cell_diameter(one.labels) for one in found[:4]]
    assert widths == pytest.approx([12, 24, 48, 24], rel=0.1)
    assert found[4].labels.shape == (16, 16)  # nobody knows how wide its cells are
