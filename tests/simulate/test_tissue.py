from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from softlight.simulate.scene import SceneError
from softlight.simulate.tissue import CLASSES, KINDS, Kind, Tissue, simulate_tissue

SIZE = (96, 128)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return cast(Kind, request.param)


@pytest.fixture(scope="module")
def tissues(kind: Kind) -> list[Tissue]:
    return [simulate_tissue(kind, np.random.default_rng(seed), size=SIZE) for seed in range(4)]


def test_every_class_is_in_every_image(kind: Kind, tissues: list[Tissue]) -> None:
    for tissue in tissues:
        assert tissue.image.shape == tissue.classes.shape == SIZE
        assert tissue.image.dtype == np.uint8
        assert set(np.unique(tissue.classes)) == set(range(len(CLASSES[kind])))


def test_membranes_part_all_cells(tissues: list[Tissue]) -> None:
    for tissue in tissues:
        np.testing.assert_array_equal(tissue.cells == 0, tissue.classes == 1)
        for step in (np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1]):
            here, there = tissue.cells[step[0]], tissue.cells[step[1]]
            assert not ((here != there) & (here > 0) & (there > 0)).any()


def test_a_seed_is_an_image(kind: Kind, tissues: list[Tissue]) -> None:
    again = simulate_tissue(kind, np.random.default_rng(1), size=SIZE)
    np.testing.assert_array_equal(again.image, tissues[1].image)
    np.testing.assert_array_equal(again.classes, tissues[1].classes)
    assert (tissues[0].image != tissues[1].image).any()


def test_no_threshold_tells_the_classes_apart(kind: Kind, tissues: list[Tissue]) -> None:
    # The best that any function of the grey value can do, chosen knowing the truth, and with the
    # best of several smoothings: each grey value gets the class that raises the mean IoU most.
    best = max(_best_by_grey_value(tissues, sigma, len(CLASSES[kind])) for sigma in (0, 1, 2))
    assert best < {"three-class": 0.4, "membrane": 0.55}[kind]


def _best_by_grey_value(tissues: list[Tissue], sigma: float, classes: int) -> float:
    counts = np.zeros((256, classes))
    for tissue in tissues:
        grey = ndimage.gaussian_filter(tissue.image.astype(float), sigma) if sigma else tissue.image
        low, high = np.percentile(grey, (1, 99))
        level = (np.clip((grey - low) / (high - low), 0, 1) * 63).astype(int)
        np.add.at(counts, (level, tissue.classes), 1)
    shares = counts / counts.sum(axis=0)
    best = 0.0
    for weights in np.stack(np.meshgrid(*[[0.25, 0.5, 1, 2, 4]] * (classes - 1)), -1).reshape(
        -1, classes - 1
    ):
        answer = (shares * np.array([1.0, *weights])).argmax(axis=1)
        matrix = np.zeros((classes, classes))
        for level, row in enumerate(counts):
            matrix[:, answer[level]] += row
        best = max(best, _mean_iou(matrix))
    return best


def _mean_iou(matrix: NDArray[np.float64]) -> float:
    both = np.diag(matrix)
    return float((both / (matrix.sum(axis=0) + matrix.sum(axis=1) - both)).mean())


def test_wrong_kinds_and_sizes_are_said() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SceneError, match="no tissue 'liver'; it must be one of three-class, mem"):
        simulate_tissue(cast(Kind, "liver"), rng, size=SIZE)
    with pytest.raises(SceneError, match=r"image of 8 x 64 pixels.*from 32 to 8192"):
        simulate_tissue("membrane", rng, size=(8, 64))
