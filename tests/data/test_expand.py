import numpy as np
import pytest
import tifffile

from softlight.config import AugmentConfig
from softlight.data.expand import PUBLISHED_TOTAL, expand
from softlight.io.images import read_image
from softlight.io.labels import read_labels

TURNS = AugmentConfig(flips=True, quarter_turns=True)
CHANGES = AugmentConfig(
    flips=True, rotate_degrees=90, zoom=(0.8, 1.2), brightness=0.1, contrast=(0.8, 1.2)
)


def samples(count=3, *, dtype="uint16", shape=(24, 24), channels=()):
    rng = np.random.default_rng(0)
    for index in range(count):
        image = rng.integers(0, 100, (*shape, *channels)) * (600 if dtype == "uint16" else 1)
        labels = rng.integers(0, 400, shape)
        yield f"plate_{index}", image.astype(dtype), labels


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.tif")}


def test_the_published_total_comes_from_three_images_in_equal_shares():
    assert PUBLISHED_TOTAL == 3 * 591


def test_three_images_become_the_total_asked_for_as_pairs(tmp_path):
    assert expand(samples(), out=tmp_path, augment=TURNS, total=20) == 20
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "labels").iterdir())
    assert len(names) == 20
    per_source = [sum(name.startswith(f"plate_{i}_") for name in names) for i in range(3)]
    assert per_source == [7, 7, 6]


def test_copies_are_counted_for_each_image(tmp_path):
    assert expand(samples(), out=tmp_path, augment=TURNS, copies=4) == 12


def test_copy_0_is_the_image_itself_and_the_others_are_not(tmp_path):
    expand(samples(), out=tmp_path, augment=CHANGES, copies=5)
    for name, image, labels in samples():
        np.testing.assert_array_equal(read_image(tmp_path / f"images/{name}_0000.tif"), image)
        np.testing.assert_array_equal(read_labels(tmp_path / f"labels/{name}_0000.tif"), labels)
        copies = {(tmp_path / f"images/{name}_{copy:04d}.tif").read_bytes() for copy in range(5)}
        assert len(copies) == 5


@pytest.mark.parametrize(
    ("dtype", "channels"), [("uint8", ()), ("uint16", ()), ("float32", ()), ("uint8", (3,))]
)
def test_type_size_and_channels_are_kept(tmp_path, dtype, channels):
    given = list(samples(1, dtype=dtype, shape=(20, 31), channels=channels))
    expand(given, out=tmp_path, augment=CHANGES, copies=4)
    for copy in range(4):
        found = tifffile.imread(tmp_path / f"images/plate_0_{copy:04d}.tif")
        assert found.dtype == dtype
        assert found.shape == (20, 31, *channels)
        again = read_image(tmp_path / f"images/plate_0_{copy:04d}.tif")
        np.testing.assert_array_equal(again, found)


def test_turns_move_raw_values_exactly_and_labels_with_them(tmp_path):
    [(name, _, labels)] = samples(1)
    image = (labels * 100 + 7).astype(np.uint16)
    expand([(name, image, labels)], out=tmp_path, augment=TURNS, copies=8)
    changed = 0
    for copy in range(8):
        found = read_image(tmp_path / f"images/{name}_{copy:04d}.tif")
        found_labels = read_labels(tmp_path / f"labels/{name}_{copy:04d}.tif")
        np.testing.assert_array_equal(found, found_labels * 100 + 7)
        changed += (found != image).any()
    assert changed >= 3


def test_brightness_is_a_share_of_the_images_range_and_stays_within_the_type(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    labels = np.ones((64, 64), np.uint8)
    expand([("ramp", ramp, labels)], out=tmp_path, augment=AugmentConfig(brightness=0.2), copies=20)
    shifts = []
    for copy in range(1, 20):
        found = read_image(tmp_path / f"images/ramp_{copy:04d}.tif").astype(float)
        assert (np.diff(found.ravel()) >= 0).all()  # nothing wraps around
        shifts.append((found - ramp)[32, 32] / (0.98 * 65535))
    assert 0.1 < max(shifts) < 0.21
    assert -0.21 < min(shifts) < -0.1


def test_a_call_that_was_cut_short_goes_on_to_the_same_files(tmp_path):
    class CutError(Exception):
        pass

    def stop(done, total):
        if done == 5:
            raise CutError

    expand(samples(), out=tmp_path / "whole", augment=CHANGES, total=12)
    with pytest.raises(CutError):
        expand(samples(), out=tmp_path / "cut", augment=CHANGES, total=12, progress=stop)
    assert len(contents(tmp_path / "cut")) == 10
    (tmp_path / "cut/labels/plate_0_0002.tif").unlink()  # as if it stopped between the two
    kept = (tmp_path / "cut/images/plate_0_0001.tif").stat().st_mtime_ns
    assert expand(samples(), out=tmp_path / "cut", augment=CHANGES, total=12) == 12
    assert (tmp_path / "cut/images/plate_0_0001.tif").stat().st_mtime_ns == kept
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_the_seed_changes_the_copies(tmp_path):
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        expand(samples(), out=tmp_path / folder, augment=CHANGES, copies=3, seed=seed)
    a, b, c = (contents(tmp_path / folder) for folder in "abc")
    assert a == b
    assert a.keys() == c.keys()
    same = {path for path in a if a[path] == c[path]}
    assert {path.stem[-4:] for path in same} == {"0000"}


def test_progress_counts_to_the_total(tmp_path):
    seen = []
    expand(samples(2), out=tmp_path, augment=TURNS, total=5, progress=lambda *at: seen.append(at))
    assert seen == [(done, 5) for done in range(1, 6)]


@pytest.mark.parametrize("change", [{"seed": 1}, {"augment": CHANGES}, {"samples": samples(2)}])
def test_a_folder_of_another_expansion_is_refused(tmp_path, change):
    expand(samples(), out=tmp_path, augment=TURNS, copies=2)
    again = {"samples": samples(), "out": tmp_path, "augment": TURNS, "copies": 2, **change}
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="of other images or settings"):
        expand(again.pop("samples"), **again)
    assert contents(tmp_path) == before


def test_more_copies_can_be_added_later(tmp_path):
    expand(samples(), out=tmp_path, augment=TURNS, copies=2)
    before = contents(tmp_path)
    assert expand(samples(), out=tmp_path, augment=TURNS, copies=3) == 9
    assert before.items() <= contents(tmp_path).items()


def test_a_folder_with_fewer_asked_than_it_holds_is_refused(tmp_path):
    expand(samples(), out=tmp_path, augment=TURNS, copies=3)
    with pytest.raises(ValueError, match="holds plate_0_0002"):
        expand(samples(), out=tmp_path, augment=TURNS, copies=2)


def test_a_folder_of_other_images_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/mine.tif").write_bytes(b"precious")
    with pytest.raises(ValueError, match="holds images or labels already"):
        expand(samples(), out=tmp_path, augment=TURNS)


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        ([], {}, "no image to expand"),
        (list(samples(3)), {"total": 2}, "total is 2 for 3 images"),
        (list(samples(3)), {"copies": 0}, "copies is 0"),
        (list(samples(3)), {"copies": 2, "total": 6}, "total or copies, not both"),
        (2 * list(samples(1)), {}, "Several images are called plate_0"),
        ([("../up", np.zeros((4, 4), "u1"), np.zeros((4, 4), int))], {}, "cannot name a file"),
        ([("a", np.zeros((4, 4), "u1"), np.zeros((4, 5), int))], {}, "of the same size"),
        ([("a", np.full((4, 4), np.nan), np.zeros((4, 4), int))], {}, "holds NaN"),
        ([("a", np.zeros((4, 4), "u1"), np.full((4, 4), 0.5))], {}, "whole numbers"),
    ],
)
def test_what_cannot_be_expanded_is_refused(tmp_path, given, asked, message):
    with pytest.raises(ValueError, match=message):
        expand(given, out=tmp_path, augment=TURNS, **asked)
    assert not list(tmp_path.rglob("*.tif"))
