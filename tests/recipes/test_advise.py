from pathlib import Path

import numpy as np
import pytest
from tests.cases import discs

from softlight.data.samples import Annotated, DataSet, Sample
from softlight.recipes.advise import advise


def dataset(number: int = 3, *, valid: np.ndarray | None = None, **shape: int) -> DataSet:
    def sample(seed: int) -> Sample:
        image, labels = discs(seed=seed, **shape)
        raw = (1000 * image.clip(0, 1)).astype(np.uint16)
        return Sample(f"s{seed}", f"s{seed}", lambda: Annotated(raw, labels, valid))

    return DataSet("discs", "paired", Path(), tuple(sample(seed) for seed in range(number)))


def test_reasons_say_what_was_seen() -> None:
    advice = advise(dataset(side=300, radius=20, count=3))
    first = advice.reasons[0]
    assert first.startswith("3 annotated images of type uint16, values ")
    assert "about 40 pixels wide" in first
    assert "of the range that the type allows" in advice.reasons[1]
    assert any("With 3 images all of them train" in reason for reason in advice.reasons)


def test_few_images_all_train_and_many_are_held_out() -> None:
    assert advise(dataset(9)).recipe.data.validation_fraction == 0
    assert advise(dataset(10)).recipe.data.validation_fraction == 0.15


@pytest.mark.parametrize(
    ("side", "radius", "patch"),
    [(48, 6, 48), (100, 6, 96), (10, 3, 16), (128, 6, 128), (300, 6, 128), (300, 20, 256)],
)
def test_crops_show_several_cells_and_fit_into_the_images(
    side: int, radius: int, patch: int
) -> None:
    advice = advise(dataset(1, side=side, radius=radius, count=2))
    assert advice.recipe.data.patch_px == patch
    assert any(f"Crops of {patch} pixels" in reason for reason in advice.reasons)


def test_sparse_cells_draw_the_crops() -> None:
    sparse, dense = advise(dataset(side=200, count=2)), advise(dataset(side=48, count=6))
    assert sparse.recipe.data.foreground_bias == 0.5
    assert any("half of the crops are centred on one" in reason for reason in sparse.reasons)
    assert dense.recipe.data.foreground_bias == 0


def test_coverage_is_of_what_is_annotated() -> None:
    valid = discs(side=200, count=2)[1] > 0  # only the cells themselves are annotated
    assert "cover 100.0%" in advise(dataset(1, side=200, count=2, valid=valid)).reasons[0]
    assert "cover 100.0%" not in advise(dataset(1, side=200, count=2)).reasons[0]


def test_values_that_may_be_classes_are_told() -> None:
    def classes() -> Annotated:
        image, labels = discs(seed=1)
        return Annotated(image, np.where(labels > 0, 1 + labels % 2, 0).astype(np.int32))

    several = DataSet("x", "paired", Path(), (Sample("a", "a", classes),))
    assert any("the values 0 to 2. If these are classes" in r for r in advise(several).reasons)
    assert not any("If these are classes" in reason for reason in advise(dataset(1)).reasons)
