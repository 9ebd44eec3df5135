import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.cases import decoded_discs, discs

from softlight.config import AugmentConfig, DataConfig, PreprocessConfig
from softlight.data.augment import Augmenter
from softlight.data.loader import (
    Batch,
    Cache,
    Decoded,
    TrainingBatches,
    count_classes,
    decode,
    to_batch,
    to_classes,
)
from softlight.data.normalize import Preprocessor
from softlight.data.samples import Annotated, DataError, Sample
from softlight.data.single_cells import MASKS

BUSY = AugmentConfig(flips=True, rotate_degrees=30, brightness=0.1, noise=0.05)
PLAIN = AugmentConfig()


def batches(
    decoded: list[Decoded] | None = None,
    *,
    seed: int = 0,
    augment: AugmentConfig = BUSY,
    **data: float,
) -> TrainingBatches:
    settings = DataConfig(**({"batch_size": 2, "patch_px": 24} | data))  # type: ignore[arg-type]
    images = decoded_discs(5) if decoded is None else decoded
    return TrainingBatches(images, Augmenter(augment), settings, seed=seed)


def equal(one: Batch, other: Batch) -> bool:
    return all(
        a is b is None or torch.equal(a, b)  # type: ignore[arg-type]
        for a, b in zip(one, other, strict=True)
    )


def all_equal(one: list[Batch], other: list[Batch]) -> bool:
    return all(equal(a, b) for a, b in zip(one, other, strict=True))


def flat(number: int, side: int = 16) -> list[Decoded]:
    """Images whose every pixel is their number."""
    classes = np.zeros((side, side), np.int32)
    return [
        Decoded(str(n), np.full((1, side, side), n, np.float32), classes, None)
        for n in range(number)
    ]


def test_the_same_seed_and_epoch_give_the_same_batches() -> None:
    first, again = list(batches().epoch(3)), list(batches().epoch(3))
    assert len(first) == len(batches()) == 3
    assert all_equal(first, again)


def test_a_sample_depends_on_its_place_alone_whatever_the_thread_did_before() -> None:
    prepared = list(batches().epoch(1))
    order = [int(i) for i in batches()._order(1)]
    alone = batches()
    for position in reversed(range(5)):
        made = to_batch([alone.sample(1, position, order[position])])
        batch, row = divmod(position, 2)
        assert torch.equal(made.image[0], prepared[batch].image[row])


def test_other_epochs_and_other_seeds_differ() -> None:
    first = list(batches().epoch(0))
    assert not all_equal(first, list(batches().epoch(1)))
    assert not all_equal(first, list(batches(seed=1).epoch(0)))


def test_every_image_comes_once_before_any_comes_twice() -> None:
    runs = batches(flat(3), augment=PLAIN, batch_size=1, patch_px=8, samples_per_epoch=8)
    for epoch in range(4):
        seen = [int(batch.image.mean()) for batch in runs.epoch(epoch)]
        assert len(seen) == 8
        assert set(seen[:3]) == set(seen[3:6]) == {0, 1, 2}
        assert sorted(Counter(seen).values()) == [2, 3, 3]


def test_large_images_give_as_many_crops_as_they_have_room_for() -> None:
    images = [*flat(2, side=8), replace(flat(3, side=16)[2], name="large")]
    runs = batches(
        images, augment=PLAIN, batch_size=1, patch_px=8, samples_per_epoch=12, by_area=True
    )
    for epoch in range(3):
        seen = [int(batch.image.mean()) for batch in runs.epoch(epoch)]
        assert Counter(seen[:6]) == Counter(seen[6:]) == {0: 1, 1: 1, 2: 4}


def test_a_small_set_comes_as_often_as_a_large_one() -> None:
    origins = ["large", "large", "large", "large", "small"]
    images = [replace(image, origin=o) for image, o in zip(flat(5, side=8), origins, strict=True)]
    images.append(replace(flat(6, side=16)[5], origin="wide"))  # four crops in one image
    runs = batches(
        images,
        augment=PLAIN,
        batch_size=1,
        patch_px=8,
        samples_per_epoch=12,
        by_area=True,
        balance_sets=True,
    )
    seen = [int(batch.image.mean()) for batch in runs.epoch(0)]
    assert Counter(seen) == {0: 1, 1: 1, 2: 1, 3: 1, 4: 4, 5: 4}


def test_without_a_number_of_samples_an_epoch_is_every_image_once() -> None:
    seen = [int(b.image.mean()) for b in batches(flat(4), augment=PLAIN, batch_size=1).epoch(0)]
    assert sorted(seen) == [0, 1, 2, 3]


def test_shapes_and_types() -> None:
    batch = next(iter(batches().epoch(0)))
    assert batch.image.shape == (2, 1, 24, 24)
    assert batch.target.shape == batch.weight.shape == (2, 24, 24)
    assert (batch.image.dtype, batch.target.dtype) == (torch.float32, torch.int64)


def test_a_crop_larger_than_every_image_just_holds_them() -> None:
    batch = next(iter(batches(flat(3, side=40), patch_px=256).epoch(0)))
    assert batch.image.shape == (2, 1, 48, 48)
    assert bool(torch.isfinite(batch.image).all())


def test_whole_images_of_different_sizes_get_the_largest() -> None:
    images = [*flat(1, side=16), *flat(1, side=20)]
    batch = next(iter(batches(images, augment=PLAIN, patch_px=0).epoch(0)))
    assert batch.image.shape == (2, 1, 20, 20)


def test_foreground_bias_centres_crops_on_cells() -> None:
    classes = np.zeros((96, 96), np.int32)
    classes[70:74, 20:24] = 1
    rare = [Decoded("rare", np.zeros((1, 96, 96), np.float32), classes, None)]

    def with_cell(bias: float) -> int:
        runs = batches(rare, augment=PLAIN, patch_px=16, samples_per_epoch=40, foreground_bias=bias)
        return sum(int((batch.target > 0).any((1, 2)).sum()) for batch in runs.epoch(0))

    assert with_cell(0.0) < 10
    assert with_cell(1.0) == 40
    assert 10 < with_cell(0.5) < 35


def test_foreground_bias_without_foreground_crops_anywhere() -> None:
    assert len(list(batches(flat(2), augment=PLAIN, foreground_bias=1.0).epoch(0))) == 1


def test_unannotated_pixels_weigh_nothing() -> None:
    classes = np.zeros((8, 10), np.int32)
    valid = np.ones((8, 10), bool)
    valid[:, :3] = False
    item = Decoded("half", np.zeros((1, 8, 10), np.float32), classes, valid)
    (batch,) = batches([item], augment=PLAIN, patch_px=0).epoch(0)
    assert torch.equal(batch.weight[0] == 0, ~torch.from_numpy(valid))
    assert bool((batch.weight[0, :, 3:] == 1).all())


def test_classes_are_counted_where_the_annotation_is_valid() -> None:
    classes = np.array([[0, 1, 2], [2, 2, 0]], np.int32)
    valid = np.array([[True, True, False], [True, False, True]])
    image = np.zeros((1, 2, 3), np.float32)
    some = Decoded("some", image, classes, valid)
    every = Decoded("every", image, classes, None)
    assert count_classes([some], 3).tolist() == [2, 1, 1]
    assert count_classes([some, every], 4).tolist() == [4, 2, 4, 0]


def test_of_two_classes_any_label_is_a_cell() -> None:
    labels = np.array([[0, 7, 300]], np.int32)
    assert to_classes(labels, 2, name="x").tolist() == [[0, 1, 1]]
    assert to_classes(labels % 3, 3, name="x").tolist() == [[0, 1, 0]]


def samples(labels: np.ndarray, valid: np.ndarray | None = None) -> list[Sample]:
    image = (discs(side=len(labels))[0] * 200).clip(0, 255).astype(np.uint8)
    return [
        Sample(name, name, lambda: Annotated(image, labels, valid, 0.5)) for name in ("dish7", "b")
    ]


def test_a_label_outside_the_classes_names_its_image() -> None:
    with pytest.raises(DataError, match="dish7 holds the label 4, but there are only the classes"):
        decode(samples(discs()[1]), Preprocessor(PreprocessConfig()), 3)


def test_of_membranes_the_cells_between_have_a_size() -> None:
    labels = np.zeros((21, 31), np.int32)
    labels[:, 10] = labels[:, 20] = 1  # three cells of 210 pixels
    preprocessor = Preprocessor(PreprocessConfig())
    (item,) = decode(samples(labels), preprocessor, 2, membrane=1)[:1]
    assert item.cell_diameter_px == pytest.approx(np.sqrt(210 * 4 / np.pi))
    assert item.classes.sum() == 42


def test_progress_counts_images() -> None:
    told: list[tuple[int, int]] = []
    preprocessor = Preprocessor(PreprocessConfig())
    decode(samples(discs()[1]), preprocessor, 2, progress=lambda *now: told.append(now))
    assert told == [(1, 2), (2, 2)]


def test_the_size_of_cells_is_that_of_pieces_where_labels_are_classes() -> None:
    labels = np.zeros((48, 48), np.int32)
    labels[4:12, 4:12], labels[20:28, 4:12], labels[20:28, 30:38] = 1, 1, 2
    preprocessor = Preprocessor(PreprocessConfig())
    expected = np.sqrt(64 * 4 / np.pi)
    assert decode(samples(labels), preprocessor, 3)[0].cell_diameter_px == pytest.approx(expected)
    numbered = decode(samples(labels), preprocessor, 2)[0].cell_diameter_px
    assert numbered > expected  # there two squares are said to be one cell


def test_what_memory_cannot_hold_lies_on_disk_and_is_equal() -> None:
    labels = discs()[1]
    valid = labels != 2
    preprocessor = Preprocessor(PreprocessConfig())
    held = decode(samples(labels, valid), preprocessor, 2)
    with Cache(limit_bytes=48 * 48 * 4) as cache:  # room for the first image alone
        spilled = decode(samples(labels, valid), preprocessor, 2, cache=cache)
        assert not isinstance(spilled[0].image, np.memmap)
        assert isinstance(spilled[0].classes, np.memmap)
        assert isinstance(spilled[1].valid, np.memmap)
        for one, other in zip(held, spilled, strict=True):
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.classes, other.classes)
            assert one.valid is not None
            assert other.valid is not None
            assert np.array_equal(one.valid, other.valid)
        assert all_equal(list(batches(held).epoch(0)), list(batches(spilled).epoch(0)))
        folder = Path(str(spilled[0].classes.filename)).parent
        assert folder.is_dir()
    assert not folder.exists()


class Failing(Augmenter):
    """Fails at the third sample."""

    calls = 0

    def __call__(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
        self.calls += 1
        if self.calls == 3:
            raise DataError("the third is bad")
        return super().__call__(*args, **kwargs)  # type: ignore[arg-type]


def preparing() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "softlight-batches"]


def test_an_error_while_preparing_is_raised_where_the_batches_are_used() -> None:
    runs = TrainingBatches(decoded_discs(6), Failing(PLAIN), DataConfig(batch_size=2), seed=0)
    seen = []
    with pytest.raises(DataError, match="the third is bad"):
        seen.extend(runs.epoch(0))
    assert preparing() == []


def test_an_epoch_left_midway_leaves_no_thread() -> None:
    running = batches(samples_per_epoch=100).epoch(0)
    next(running)
    assert preparing() == ["softlight-batches"]
    running.close()
    assert preparing() == []


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(DataError, match="No image is left to train on"):
        batches([])


def cell_sample(labels: np.ndarray) -> Sample:
    image = labels.astype(np.uint8) * 20
    return Sample("cells", "g", lambda: Annotated(image, labels.astype(np.int32)))


def test_cells_are_learned_with_their_labels_and_maps() -> None:
    _, labels = discs()
    (item,) = decode([cell_sample(labels)], Preprocessor(PreprocessConfig()), 2, target="flow")
    assert item.labels is not None
    assert item.maps is not None
    np.testing.assert_array_equal(item.labels, labels)
    assert item.maps.shape == (2, *labels.shape)
    assert not item.maps[:, labels == 0].any()


def test_masks_teach_no_maps_beside_cells_and_pieces_where_they_are_alone() -> None:
    _, labels = discs()
    cells, masks = cell_sample(labels), replace(cell_sample(labels > 0), tags={"annotation": MASKS})
    plain = Preprocessor(PreprocessConfig())
    items = decode([cells, masks], plain, 2, target="flow")
    assert items[0].maps is not None
    assert (items[1].maps, items[1].labels) == (None, None)
    assert np.isnan(items[1].cell_diameter_px)
    batch = to_batch(items[::-1])
    assert batch.maps is not None
    assert batch.parted is not None
    assert batch.parted.tolist() == [0, 1]
    np.testing.assert_array_equal(batch.maps[0], 0)
    np.testing.assert_array_equal(batch.maps[1], items[0].maps)
    assert to_batch(items[:1]).parted is None
    assert to_batch(items[1:]).maps is None
    (alone,) = decode([masks], plain, 2, target="flow")
    assert alone.maps is not None


def test_maps_move_with_the_image() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((1, 40, 40)).astype(np.float32)
    classes = (image[0] > 0.5).astype(np.int32)
    item = Decoded("a", image, classes, None, maps=np.concatenate([image, 1 - image]))
    turned = AugmentConfig(flips=True, quarter_turns=True)
    for batch in batches([item], augment=turned, batch_size=1, samples_per_epoch=8).epoch(0):
        assert batch.maps is not None
        torch.testing.assert_close(batch.maps[:, :1], batch.image)
        torch.testing.assert_close(batch.maps[:, 1:], 1 - batch.image)
        torch.testing.assert_close(batch.target, (batch.image[:, 0] > 0.5).long())
