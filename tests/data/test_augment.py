import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.ndimage import label as pieces

from softlight.config import AugmentConfig
from softlight.data.augment import (
    MAX_STRAIN,
    Augmenter,
    elastic_field,
    jacobian_determinant,
)

GEOMETRIC = {
    "flips": {"flips": True},
    "quarter_turns": {"quarter_turns": True},
    "half_turns": {"half_turns": True},
    "rotation": {"rotate_degrees": 180.0},
    "zoom": {"zoom": (0.6, 1.6)},
    "elastic": {"elastic_amplitude_px": 8.0, "elastic_sigma_px": 5.0},
    "all": {
        "flips": True,
        "quarter_turns": True,
        "rotate_degrees": 30.0,
        "zoom": (0.8, 1.25),
        "elastic_amplitude_px": 8.0,
    },
}
EXACT = ("flips", "quarter_turns", "half_turns")
PHOTOMETRIC = {
    "brightness": {"brightness": 0.3},
    "contrast": {"contrast": (0.3, 0.6)},
    "gamma": {"gamma": (2.0, 3.0)},
    "noise": {"noise": 0.2},
    "blur": {"blur_px": 3.0},
}
EVERY = {**GEOMETRIC, **PHOTOMETRIC}


def augment(image, labels, *, valid=None, seed=0, patch=None, center=None, **settings):
    rng = np.random.default_rng(seed)
    augmenter = Augmenter(AugmentConfig(**settings))
    return augmenter(image, labels, valid, rng, patch=patch, center=center)


def scene(shape=(90, 120)):
    """Blobs whose brightness is their label / 10, so that image and labels can be compared."""
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for label, (row, column, radius) in enumerate(
        [(20, 30, 12), (60, 25, 15), (35, 75, 18), (70, 95, 10)], start=1
    ):
        labels[(y - row) ** 2 + (x - column) ** 2 < radius**2] = label
    image = np.stack([labels / 10, 1 - labels / 10]).astype(np.float32)
    return image, labels, labels != 3


def seeds_until(changed, limit=20):
    """The first seed whose result is changed: a flip may also be drawn as no flip."""
    for seed in range(limit):
        if changed(seed):
            return seed
    raise AssertionError(f"{limit} seeds changed nothing")


# ---- image and mask together


@pytest.mark.parametrize("name", list(GEOMETRIC))
@pytest.mark.parametrize("patch", [None, (64, 64), (50, 80), (150, 130)])
def test_image_labels_and_mask_move_together(name, patch):
    image, labels, valid = scene()
    moved = 0
    for seed in range(6):
        out_image, out_labels, out_valid = augment(
            image, labels, valid=valid, seed=seed, patch=patch, **GEOMETRIC[name]
        )
        assert out_image.shape == (2, *(patch or labels.shape))
        assert out_labels.shape == out_valid.shape == (patch or labels.shape)
        assert (out_image.dtype, out_labels.dtype, out_valid.dtype) == (
            np.float32,
            np.int32,
            np.bool_,
        )
        np.testing.assert_array_equal(out_valid, out_labels != 3)
        np.testing.assert_allclose(out_image[0], 1 - out_image[1], atol=1e-6)
        off = np.abs(out_image[0] - out_labels / 10)
        if name in EXACT:
            assert off.max() < 1e-7
        else:  # only pixels at a blob's edge are mixtures, a quarter of each its nearest at least
            assert (off > 1e-5).mean() < 0.15
            assert off.max() <= 0.75 * 0.4 + 1e-5
        moved += out_labels.shape != labels.shape or (out_labels != labels).any()
    assert moved >= 2


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("shape", [(90, 120), (101, 101), (7, 30)])
def test_flips_and_turns_of_whole_images_lose_no_label_and_no_value(name, shape):
    rng = np.random.default_rng(1)
    image = rng.random((3, *shape), dtype=np.float32)
    labels = rng.integers(0, 9, shape, dtype=np.int32)
    changed = set()
    for seed in range(12):
        out_image, out_labels, _ = augment(image, labels, seed=seed, **GEOMETRIC[name])
        np.testing.assert_array_equal(np.bincount(out_labels.ravel()), np.bincount(labels.ravel()))
        for before, after in zip(image, out_image, strict=True):
            np.testing.assert_array_equal(np.sort(before.ravel()), np.sort(after.ravel()))
        changed.add(out_labels.tobytes())
    square = shape[0] == shape[1]
    expected = {"flips": 4, "half_turns": 2, "quarter_turns": 4 if square else 2}
    assert len(changed) == expected[name]


def test_flips_and_turns_are_those_of_numpy():
    image, labels, _ = scene((80, 80))
    one_channel = image[:1]
    for name, versions in {
        "flips": [labels, labels[::-1], labels[:, ::-1], labels[::-1, ::-1]],
        "quarter_turns": [np.rot90(labels, k) for k in range(4)],
        "half_turns": [labels, np.rot90(labels, 2)],
    }.items():
        seen = set()
        for seed in range(20):
            found = augment(one_channel, labels, seed=seed, **GEOMETRIC[name])[1]
            seen.add(next(k for k, v in enumerate(versions) if np.array_equal(v, found)))
        assert seen == set(range(len(versions))), name


def test_rotation_by_a_known_angle_moves_a_point_where_it_belongs():
    labels = np.zeros((101, 101), np.int32)
    labels[48:53, 78:83] = 1  # 30 px right of the centre
    for seed in range(5):
        found = augment(labels[None].astype(np.float32), labels, seed=seed, rotate_degrees=60)[1]
        at = np.argwhere(found).mean(0) - 50
        assert np.hypot(*at) == pytest.approx(30, abs=0.7)
        assert abs(np.degrees(np.arctan2(at[0], at[1]))) <= 61


@pytest.mark.parametrize(("factor", "expected"), [(2.0, 4.0), (0.5, 0.25)])
def test_zoom_above_1_enlarges(factor, expected):
    labels = np.zeros((120, 120), np.int32)
    labels[50:70, 45:75] = 1
    image = labels[None].astype(np.float32)
    side = 100 if factor > 1 else 60  # what fits: nothing is mirrored
    found = augment(image, labels, zoom=(factor, factor), patch=(side, side), center=(60, 60))[1]
    assert found.sum() / labels.sum() == pytest.approx(expected, rel=0.1)


# ---- each change


@pytest.mark.parametrize("name", list(EVERY))
def test_each_change_changes_the_image_and_nothing_does_without_it(name):
    image, labels, _ = scene()
    kept_image, kept_labels, _ = augment(image, labels)
    np.testing.assert_array_equal(kept_image, image)
    np.testing.assert_array_equal(kept_labels, labels)
    seed = seeds_until(lambda s: (augment(image, labels, seed=s, **EVERY[name])[0] != image).any())
    out_image, out_labels, _ = augment(image, labels, seed=seed, **EVERY[name])
    assert np.abs(out_image - image).max() > 0.01
    assert (out_labels != labels).any() == (name in GEOMETRIC)
    assert out_image.dtype == np.float32


@pytest.mark.parametrize("name", ["elastic", *PHOTOMETRIC])
def test_probability_is_the_share_of_changed_images(name):
    image = np.random.default_rng(0).random((1, 20, 24), dtype=np.float32)
    labels = np.zeros((20, 24), np.int32)
    for probability, expected in ((0.0, 0.0), (0.3, 0.3), (1.0, 1.0)):
        changed = [
            (augment(image, labels, seed=s, probability=probability, **EVERY[name])[0] != image)
            for s in range(60)
        ]
        assert np.mean([c.any() for c in changed]) == pytest.approx(expected, abs=0.18)


def test_brightness_is_added_and_contrast_turns_about_the_mean():
    image, labels, _ = scene()
    shifts = [
        np.unique((augment(image, labels, seed=s, brightness=0.3)[0] - image).round(5))
        for s in range(20)
    ]
    assert all(len(shift) == 1 for shift in shifts)
    assert min(shifts) < -0.1
    assert max(shifts) > 0.1
    assert np.abs(shifts).max() <= 0.3
    found = augment(image, labels, contrast=(0.5, 0.5))[0]
    mean = image.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found, mean + (image - mean) / 2, atol=1e-6)


def test_gamma_on_0_to_1_is_the_power_and_on_zscores_keeps_the_extremes():
    labels = np.zeros((9, 101), np.int32)
    image = np.linspace(0, 1, 101, dtype=np.float32)[None, None].repeat(9, 1)
    np.testing.assert_allclose(augment(image, labels, gamma=(2, 2))[0], image**2, atol=1e-6)
    scores = 6 * image - 3
    found = augment(scores, labels, gamma=(2, 2))[0]
    np.testing.assert_allclose(found, 6 * image**2 - 3, atol=1e-5)
    flat = np.full((1, 4, 4), -1.5, np.float32)
    np.testing.assert_array_equal(augment(flat, labels[:4, :4], gamma=(2, 2))[0], flat)


def test_noise_and_blur_have_their_strength():
    flat = np.full((1, 200, 200), 0.5, np.float32)
    labels = np.zeros((200, 200), np.int32)
    deviations = [float(augment(flat, labels, seed=s, noise=0.2)[0].std()) for s in range(12)]
    assert 0.1 < max(deviations) < 0.201
    assert min(deviations) < 0.1
    noisy = np.random.default_rng(0).random((1, 200, 200), dtype=np.float32)
    blurred = augment(noisy, labels, blur_px=3)[0]
    assert blurred.std() < 0.7 * noisy.std()
    assert blurred.mean() == pytest.approx(noisy.mean(), abs=1e-3)


# ---- chance


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    image, labels, valid = scene()
    everything = {k: v for part in EVERY.values() for k, v in part.items()}
    runs = [
        augment(image, labels, valid=valid, seed=seed, patch=(48, 48), **everything)
        for seed in (7, 7, 8)
    ]
    for a, b, c in zip(*runs, strict=True):
        assert a.tobytes() == b.tobytes()
        assert a.tobytes() != c.tobytes()


@pytest.mark.parametrize("name", ["none", *EVERY])
def test_the_caller_keeps_what_it_gave(name):
    image, labels, valid = scene()
    given = image.copy(), labels.copy(), valid.copy()
    results = augment(image, labels, valid=valid, **EVERY.get(name, {}))
    for array, before, result in zip((image, labels, valid), given, results, strict=True):
        np.testing.assert_array_equal(array, before)
        assert not np.shares_memory(array, result)


def test_no_mask_in_none_out():
    image, labels, _ = scene()
    for settings_ in GEOMETRIC.values():
        assert augment(image, labels, **settings_)[2] is None


# ---- patches


def test_plain_crops_are_cut_out_of_the_image_everywhere():
    shape = (40, 30)
    labels = np.arange(1200, dtype=np.int32).reshape(shape)
    image = labels[None].astype(np.float32)
    corners = set()
    for seed in range(150):
        out_image, out_labels, _ = augment(image, labels, seed=seed, patch=(36, 25))
        top, left = divmod(int(out_labels[0, 0]), 30)
        np.testing.assert_array_equal(out_labels, labels[top : top + 36, left : left + 25])
        np.testing.assert_array_equal(out_image[0], out_labels)
        corners.add((top, left))
    assert corners == {(top, left) for top in range(5) for left in range(6)}


@pytest.mark.parametrize("center", [(0, 0), (20, 15), (39, 29), (3, 28)])
def test_a_patch_around_a_center_holds_it_and_keeps_inside(center):
    labels = np.arange(1, 1201, dtype=np.int32).reshape(40, 30)
    image = labels[None].astype(np.float32)
    for name, settings_ in {"plain": {}, **GEOMETRIC}.items():
        for seed in range(5):
            found = augment(image, labels, seed=seed, patch=(17, 16), center=center, **settings_)[1]
            if name in ("plain", *EXACT):
                assert labels[center] in found, name
                assert len(np.unique(found)) == found.size
            elif name == "rotation":  # the pixel itself may fall between two samples
                y, x = center
                near = labels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                assert np.isin(near, found).any()


def test_a_center_is_in_the_middle_where_the_image_allows():
    labels = np.arange(1600, dtype=np.int32).reshape(40, 40)
    image = labels[None].astype(np.float32)
    found = augment(image, labels, patch=(9, 9), center=(20, 11), rotate_degrees=90)[1]
    assert found[4, 4] == labels[20, 11]


def test_an_image_smaller_than_the_patch_is_mirrored():
    labels = np.arange(1, 21, dtype=np.int32).reshape(4, 5)
    image = labels[None].astype(np.float32)
    found_image, found, _ = augment(image, labels, patch=(8, 11))
    np.testing.assert_array_equal(found, np.pad(labels, ((2, 2), (3, 3)), mode="reflect"))
    np.testing.assert_array_equal(found_image[0], found)
    single = augment(image[:, :1, :1], labels[:1, :1], patch=(3, 3))[1]
    assert (single == 1).all()


# ---- the elastic field


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.floats(0, 5000),
    st.sampled_from([0.0, 1.0, 7.0, 30.0]),
    st.integers(0, 2**32 - 1),
)
def test_the_field_never_folds(shape, amplitude, sigma, seed):
    dy, dx = elastic_field(shape, amplitude, sigma, np.random.default_rng(seed))
    assert dy.shape == dx.shape == shape
    determinant = jacobian_determinant(dy, dx)
    assert determinant.min() >= (1 - MAX_STRAIN) ** 2 - 1e-3
    assert determinant.max() <= (1 + MAX_STRAIN) ** 2 + 1e-3
    # Independently: no pixel overtakes the next one along an axis.
    assert (np.diff(np.arange(shape[0])[:, None] + dy, axis=0) > 0).all()
    assert (np.diff(np.arange(shape[1])[None] + dx, axis=1) > 0).all()


def test_absurd_amplitudes_are_tamed_that_would_fold_bare():
    rng = np.random.default_rng(0)
    bare = rng.normal(0, 2000, (2, 64, 64))
    assert jacobian_determinant(*bare).min() < 0
    for seed in range(20):
        dy, dx = elastic_field((128, 128), 2000, 4, np.random.default_rng(seed))
        determinant = jacobian_determinant(dy, dx)
        assert determinant.min() >= (1 - MAX_STRAIN) ** 2 - 1e-3
        assert np.abs(dy).max() > 3  # tamed, not off


def test_absurd_amplitudes_keep_every_cell_whole_and_in_place():
    labels = np.zeros((120, 120), np.int32)
    cells = [(30, 30), (30, 90), (60, 60), (90, 30), (90, 90)]
    for label, (y, x) in enumerate(cells, start=1):
        labels[y - 10 : y + 10, x - 10 : x + 10] = label
    whole = 0
    for seed in range(10):
        found = augment(
            labels[None].astype(np.float32), labels, seed=seed, elastic_amplitude_px=3000
        )[1]
        for value in np.unique(found)[1:]:
            inside = (found == value) & ~_mirrored_part(seed, labels.shape)
            assert pieces(inside, np.ones((3, 3)))[1] <= 1  # touching at corners counts
            whole += inside.any()
    assert whole > 20


def _mirrored_part(seed, shape):
    """Where the augmentation of this seed looked beyond the image."""
    rng = np.random.default_rng(seed)
    rng.random()  # whether the elastic change happens is drawn first
    dy, dx = elastic_field(shape, 3000, 30, rng)
    y, x = np.arange(shape[0])[:, None] + dy, np.arange(shape[1])[None] + dx
    return (y < 0) | (x < 0) | (y > shape[0] - 1) | (x > shape[1] - 1)


def test_small_amplitudes_are_kept_as_asked_and_smooth():
    fields = [elastic_field((200, 300), 3, 0, np.random.default_rng(s)) for s in range(200)]
    corner = [float(dy[0, 0]) for dy, _ in fields]
    assert np.std(corner) == pytest.approx(3, rel=0.15)
    for dy, dx in fields[:5]:
        assert max(np.abs(np.diff(dy, axis=0)).max(), np.abs(np.diff(dx, axis=1)).max()) < 0.3
    smoothed = elastic_field((200, 300), 3, 60, np.random.default_rng(0))
    assert smoothed[0].std() < fields[0][0].std()


def test_the_field_is_that_of_filtering_pixel_by_pixel():
    """Against the plain way: splines to full size, then a Gaussian over the whole field."""
    shape, sigma = (61, 85), 6.0
    control = np.random.default_rng(9).normal(0, 2.0, (2, 3, 3))
    knots = [np.linspace(0, n - 1, 3) for n in shape]
    expected = []
    for grid in control:
        rows = CubicSpline(knots[0], grid, axis=0, bc_type="natural")(np.arange(shape[0]))
        full = CubicSpline(knots[1], rows, axis=1, bc_type="natural")(np.arange(shape[1]))
        expected.append(gaussian_filter(full, sigma, mode="nearest"))
    found = elastic_field(shape, 2.0, sigma, np.random.default_rng(9))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_jacobian_determinant_by_hand():
    y, x = np.mgrid[:6, :7].astype(float)
    np.testing.assert_allclose(jacobian_determinant(0 * y, 0 * x), 1)
    np.testing.assert_allclose(jacobian_determinant(0.5 * y, -0.2 * x), 1.5 * 0.8)
    np.testing.assert_allclose(jacobian_determinant(0.3 * x, 0.4 * y), 1 - 0.12)
    np.testing.assert_allclose(jacobian_determinant(-2 * y, 0 * x), -1)  # a mirror folds


# ---- refusals


@pytest.mark.parametrize("name", ["zoom", "contrast", "gamma"])
@pytest.mark.parametrize("pair", [(0.0, 1.0), (2.0, 1.0), (-1.0, 1.0)])
def test_ranges_without_sense_are_refused(name, pair):
    with pytest.raises(ValueError, match=f"Augmentation {name} is .* above 0"):
        Augmenter(AugmentConfig(**{name: pair}))


def test_unequal_sizes_are_refused():
    image, labels, valid = scene()
    with pytest.raises(ValueError, match="of the same size"):
        augment(image[:, 1:], labels)
    with pytest.raises(ValueError, match="of the same size"):
        augment(image[0], labels)
    with pytest.raises(ValueError, match="must match"):
        augment(image, labels, valid=valid[1:])
