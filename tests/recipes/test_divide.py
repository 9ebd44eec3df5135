"""What raw scores say of cells: in order of how likely they are right, whatever the zoom."""

import numpy as np
import pytest
from tests.cell_shapes import touching_discs

from softlight.config import ModelConfig, ModelSpec, PreprocessConfig
from softlight.data.targets import TARGETS
from softlight.recipes.divide import raw_scores, surenesses

SPEC = ModelSpec(
    name="cells",
    model=ModelConfig(depth=1, width=2, out_channels=3),
    preprocess=PreprocessConfig(),
    target="flow",
    cell_diameter_px=26.0,
)


def maps_of(labels: np.ndarray) -> np.ndarray:
    return np.concatenate([(labels > 0)[None].astype(np.float32), TARGETS["flow"](labels)])


def cut_in_two() -> tuple[np.ndarray, np.ndarray]:
    """Two discs that touch; the first cut in two by mistake, for its field knows of one middle."""
    truth = touching_discs()
    labels = np.where(truth == 2, 3, truth)
    rows = np.nonzero(truth == 1)[0]
    cut = (truth == 1) & (np.arange(truth.shape[0])[:, None] > np.median(rows))
    return maps_of(truth), np.where(cut, 2, labels).astype(np.int32)


def test_parts_of_a_cell_score_less_than_a_whole_one() -> None:
    maps, labels = cut_in_two()
    first, second, whole = raw_scores(maps, labels, SPEC)
    assert 0 <= max(first, second) < 0.5 * whole
    sure = surenesses(maps, labels, SPEC)
    assert min(sure) > 0.9  # nothing else tells


def test_scores_are_alike_in_an_image_of_twice_the_size() -> None:
    maps, labels = cut_in_two()
    large = np.kron(labels, np.ones((2, 2), np.int32))
    fine = raw_scores(np.kron(maps, np.ones((1, 2, 2), np.float32)), large, SPEC, scale=0.5)
    np.testing.assert_allclose(fine, raw_scores(maps, labels, SPEC), atol=0.06)


@pytest.mark.parametrize("diameter", [None, 26.0])
def test_scores_are_from_0_to_1_and_there_may_be_none(diameter: float | None) -> None:
    spec = SPEC.model_copy(update={"cell_diameter_px": diameter})
    maps, labels = cut_in_two()
    scores = raw_scores(maps, labels, spec)
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert raw_scores(maps, np.zeros_like(labels), spec).shape == (0,)
