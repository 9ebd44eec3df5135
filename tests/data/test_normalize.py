import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from softlight.config import PreprocessConfig
from softlight.data import normalize
from softlight.data.normalize import NOISE_HEADROOM, Preprocessor, percentiles

TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "float16", "float32", "float64"]


def ramp(dtype, *, low=10, high=110, shape=(101, 61)):
    """A smooth slope without pixel noise, so that nothing holds the stretch back."""
    rows = np.linspace(low, high, shape[0])
    return np.repeat(rows[:, None], shape[1], axis=1).astype(dtype)


def stretched(raw, low=2, high=98):
    config = PreprocessConfig(low_percentile=low, high_percentile=high)
    return Preprocessor(config).image(raw)


# ---- intensities


@pytest.mark.parametrize("dtype", TYPES)
def test_percentile_stretch_is_that_of_numpy(dtype):
    raw = ramp(dtype)
    low, high = np.percentile(raw.astype(np.float64), [2, 98])
    expected = np.clip((raw.astype(np.float64) - low) / (high - low), 0, 1)
    found = stretched(raw)
    assert found.dtype == np.float32
    assert found.shape == (1, *raw.shape)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert (found == 0).mean() == pytest.approx(0.02, abs=0.011)
    assert (found == 1).mean() == pytest.approx(0.02, abs=0.011)


def test_percentile_stretch_by_hand():
    raw = np.arange(101, dtype=np.uint8)[None].repeat(101, 0)  # the 2 % value is 2, the 98 % is 98
    found = stretched(raw)[0, 0]
    assert found[[0, 2, 50, 98, 100]].tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    plain = stretched(raw, 0, 100)[0, 0]
    assert plain[[0, 50, 100]].tolist() == pytest.approx([0, 0.5, 1])


def test_without_clip_the_rest_goes_beyond():
    raw = ramp("float32")
    config = PreprocessConfig(low_percentile=2, high_percentile=98, clip=False)
    found = Preprocessor(config).image(raw)
    assert found.min() < -0.01
    assert found.max() > 1.01
    np.testing.assert_allclose(np.clip(found, 0, 1), stretched(raw), atol=1e-6)


def test_16_bit_frames_of_the_challenge_fill_0_to_1():
    raw = ramp("uint16", low=8114, high=65535)
    found = stretched(raw)
    assert (found.min(), found.max()) == (0, 1)
    assert found.mean() == pytest.approx(0.5, abs=0.01)
    as_8_bit = stretched(ramp("uint8", low=31, high=255))
    np.testing.assert_allclose(found, as_8_bit, atol=0.01)


def test_zscore_has_mean_0_and_deviation_1():
    raw = ramp("uint16", low=500, high=9000)
    found = Preprocessor(PreprocessConfig(method="zscore")).image(raw)
    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert found.std() == pytest.approx(1, abs=1e-5)
    expected = (raw - raw.mean()) / raw.std()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_range_maps_the_two_given_values_whatever_the_frame_holds():
    config = PreprocessConfig(method="range", minimum=100, maximum=300)
    raw = np.array([[50, 100, 150, 300, 400]], np.uint16)
    assert Preprocessor(config).image(raw)[0, 0].tolist() == [0, 0, 0.25, 1, 1]
    unclipped = Preprocessor(config.model_copy(update={"clip": False}))
    assert unclipped.image(raw)[0, 0].tolist() == [-0.25, 0, 0.25, 1, 1.5]


@pytest.mark.parametrize("method", ["percentile", "zscore"])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_constant_frame_is_zeros(method, dtype):
    found = Preprocessor(PreprocessConfig(method=method)).image(np.full((7, 9), 99, dtype))
    assert not found.any()


def test_a_few_bright_pixels_on_nothing_are_not_lost():
    raw = np.zeros((100, 100), np.uint16)
    raw[40:44, 50:54] = 700  # 0.16 % of the frame: both percentiles are 0
    assert percentiles(raw, (1, 99)) == (0, 0)
    found = Preprocessor(PreprocessConfig()).image(raw)
    np.testing.assert_array_equal(found[0] > 0.99, raw > 0)


def test_noise_of_an_empty_field_is_not_blown_up():
    rng = np.random.default_rng(0)
    empty = rng.normal(1000, 12, (256, 256)).astype(np.uint16)
    found = Preprocessor(PreprocessConfig()).image(empty)
    low, high = np.percentile(empty, [1, 99])
    bare = np.clip((empty - low) / (high - low), 0, 1)
    assert bare.std() > 0.2
    assert found.std() == pytest.approx(bare.std() / NOISE_HEADROOM, rel=0.06)
    assert found.mean() < 0.3  # dark, as the background between cells is
    scored = Preprocessor(PreprocessConfig(method="zscore")).image(empty)
    assert scored.std() == pytest.approx(1 / NOISE_HEADROOM, rel=0.03)


def test_a_field_with_few_cells_keeps_its_background_as_quiet_as_an_empty_one():
    rng = np.random.default_rng(1)
    noise = rng.normal(1000, 12, (256, 256))
    few = noise.copy()
    few[100:110, 100:110] += 600  # 0.15 % of the frame
    found = Preprocessor(PreprocessConfig()).image(few)[0]
    background = np.ones(few.shape, bool)
    background[100:110, 100:110] = False
    assert found[background].std() == pytest.approx(
        Preprocessor(PreprocessConfig()).image(noise).std(), rel=0.05
    )
    assert (found[~background] == 1).all()


def test_real_frames_with_cells_are_stretched_in_full(real_data):
    for folder in ("livecell/images", "ctc/Fluo-N2DH-GOWT1/01", "ctc/PhC-C2DL-PSC/01"):
        path = next((real_data / folder).glob("*.tif"))
        raw = tifffile.imread(path)
        low, high = np.percentile(raw, [1, 99])
        expected = np.clip((raw - low) / (high - low), 0, 1)
        found = Preprocessor(PreprocessConfig()).image(raw)[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_the_caller_gave_is_left_alone():
    raw = ramp("float32")
    before = raw.copy()
    found = Preprocessor(PreprocessConfig(method="range", minimum=0, maximum=1)).image(raw)
    found += 1
    np.testing.assert_array_equal(raw, before)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["uint8", "int8", "uint16", "int16"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.tuples(st.floats(0, 50), st.floats(51, 100)),
    st.integers(0, 2**32 - 1),
)
def test_histogram_percentiles_are_those_of_numpy(dtype, height, width, quantiles, seed):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(seed).integers(limits.min, limits.max, (height, width))
    found = percentiles(values.astype(dtype), quantiles)
    assert found == pytest.approx(tuple(np.percentile(values, quantiles)))


def test_large_frames_are_worked_on_in_pieces_with_the_same_result(monkeypatch):
    rng = np.random.default_rng(4)
    smooth = np.cumsum(rng.random((90, 70)), axis=0)
    whole = {dtype: stretched(smooth.astype(dtype)) for dtype in ("uint16", "float32")}
    monkeypatch.setattr(normalize, "_CHUNK_PX", 500)
    for dtype, expected in whole.items():
        np.testing.assert_array_equal(stretched(smooth.astype(dtype)), expected)
    monkeypatch.setattr(normalize, "_SAMPLE_PX", 1000)  # every third row and column
    found = percentiles(smooth, (2, 98))
    assert found == tuple(np.percentile(smooth[::3, ::3], (2, 98)))
    assert found == pytest.approx(tuple(np.percentile(smooth, (2, 98))), abs=1)


# ---- channels


def test_colour_becomes_grey_or_stays():
    raw = np.stack([ramp("uint8"), ramp("uint8", low=200, high=20), ramp("uint8")], axis=-1)
    grey = Preprocessor(PreprocessConfig(method="range", maximum=255)).image(raw)
    expected = 0.299 * raw[..., 0] + 0.587 * raw[..., 1] + 0.114 * raw[..., 2]
    np.testing.assert_allclose(grey[0] * 255, expected, atol=0.51)
    colour = Preprocessor(PreprocessConfig(), in_channels=3).image(raw)
    assert colour.shape == (3, 101, 61)
    for c in range(3):  # each channel is stretched by itself
        np.testing.assert_array_equal(
            colour[c], Preprocessor(PreprocessConfig()).image(raw[..., c])[0]
        )
    opaque = np.concatenate([raw, np.full((101, 61, 1), 255, np.uint8)], axis=-1)
    np.testing.assert_array_equal(
        Preprocessor(PreprocessConfig(), in_channels=3).image(opaque), colour
    )


def test_grey_fed_to_a_colour_model_is_three_equal_channels():
    found = Preprocessor(PreprocessConfig(), in_channels=3).image(ramp("uint8"))
    assert found.shape == (3, 101, 61)
    assert (found == found[:1]).all()


# ---- the grid


@pytest.mark.parametrize("shape", [(1, 1), (37, 53), (101, 64), (520, 704), (16, 300)])
def test_round_trip_gives_the_frames_shape_and_nearly_its_values(shape):
    preprocessor = Preprocessor(PreprocessConfig(method="range", maximum=1, resize_to=(128, 160)))
    y, x = np.linspace(0, 1, shape[0])[:, None], np.linspace(0, 1, shape[1])[None]
    raw = (0.6 * y + 0.4 * x).astype(np.float32)
    small = preprocessor.image(raw)
    assert small.shape == (1, 128, 160)
    assert preprocessor.labels(np.ones(shape, np.uint8)).shape == (128, 160)
    assert preprocessor.mask(np.ones(shape, bool)).shape == (128, 160)
    back = preprocessor.back(small, shape)
    assert back.shape == (1, *shape)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back[0], raw, atol=0.02)
    assert preprocessor.scale_for(shape) == (128 / shape[0], 160 / shape[1])


def test_probabilities_stay_within_0_and_1_and_in_their_place():
    preprocessor = Preprocessor(PreprocessConfig(resize_to=(16, 16)))
    probability = np.zeros((2, 16, 16), np.float32)
    probability[0, 4:8, 2:10] = 1
    probability[1] = 1 - probability[0]
    back = preprocessor.back(probability, (49, 65))
    assert back.min() >= 0
    assert back.max() <= 1 + 1e-6
    np.testing.assert_allclose(back.sum(0), 1, atol=1e-6)
    rows, columns = np.nonzero(back[0] > 0.5)
    expected = 4 * 49 / 16, 8 * 49 / 16, 2 * 65 / 16, 10 * 65 / 16
    found = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.parametrize("shape", [(64, 96), (33, 130), (300, 200)])
def test_image_and_labels_keep_to_one_grid(shape):
    labels = np.zeros(shape, np.uint16)
    labels[shape[0] // 5 : shape[0] // 2, shape[1] // 3 : -5] = 300
    preprocessor = Preprocessor(PreprocessConfig(method="range", maximum=300, resize_to=(77, 91)))
    image = preprocessor.image(labels)[0]
    resized = preprocessor.labels(labels)
    assert resized.dtype == np.int32
    assert set(np.unique(resized)) == {0, 300}
    assert ((image > 0.5) != (resized > 0)).mean() < 0.01
    np.testing.assert_array_equal(preprocessor.mask(labels > 0), resized > 0)


def test_shrinking_averages_instead_of_skipping():
    raw = np.indices((64, 64)).sum(0) % 2  # a checkerboard
    found = Preprocessor(PreprocessConfig(method="range", maximum=1, resize_to=(16, 16))).image(raw)
    np.testing.assert_allclose(found, 0.5, atol=0.05)
    skipped = raw[2::4, 2::4]
    assert (skipped == 0).all()


def test_pixel_size_sets_the_scale_where_it_is_known():
    preprocessor = Preprocessor(PreprocessConfig(pixel_size_um=0.5))
    raw = ramp("uint8", shape=(60, 80))
    assert preprocessor.scale_for((60, 80), 1.0) == (2, 2)
    assert preprocessor.image(raw, pixel_size_um=1.0).shape == (1, 120, 160)
    assert preprocessor.labels(raw, pixel_size_um=0.25).shape == (30, 40)
    assert preprocessor.mask(raw > 50, pixel_size_um=0.25).shape == (30, 40)
    assert preprocessor.image(raw).shape == (1, 60, 80)
    unscaled = Preprocessor(PreprocessConfig())
    assert unscaled.image(raw, pixel_size_um=1.0).shape == (1, 60, 80)


def test_intensities_are_measured_before_the_size_is_changed():
    raw = ramp("uint8")
    small = Preprocessor(PreprocessConfig(resize_to=(50, 30))).image(raw)
    full = Preprocessor(PreprocessConfig()).image(raw)
    assert small.mean() == pytest.approx(full.mean(), abs=0.01)


# ---- refusals


@pytest.mark.parametrize(
    ("raw", "in_channels", "message"),
    [
        (np.array([[1.0, np.nan], [np.inf, 2]]), 1, "NaN or infinity in 2 of 4 pixels"),
        (np.zeros((0, 5)), 1, r"shape \(0, 5\)"),
        (np.zeros(5), 1, r"must be \(Y, X\)"),
        (np.zeros((2, 2), complex), 1, "complex128; it must hold"),
        (np.zeros((4, 4, 2)), 3, "2 channels and the model takes 3"),
    ],
)
def test_frames_that_cannot_be_used_are_refused(raw, in_channels, message):
    with pytest.raises(ValueError, match=message):
        Preprocessor(PreprocessConfig(), in_channels=in_channels).image(raw)


def test_labels_that_cannot_be_used_are_refused():
    preprocessor = Preprocessor(PreprocessConfig())
    with pytest.raises(ValueError, match="float64; they must be whole"):
        preprocessor.labels(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="32 bits hold less"):
        preprocessor.labels(np.full((3, 3), 2**31, np.uint32))
    with pytest.raises(ValueError, match=r"\(Y, X\), not empty"):
        preprocessor.labels(np.zeros((3, 3, 3), int))
    with pytest.raises(ValueError, match=r"must be \(C, Y, X\)"):
        preprocessor.back(np.zeros((3, 3), np.float32), (6, 6))


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan")])
def test_pixel_sizes_without_sense_are_refused(size):
    with pytest.raises(ValueError, match="must be above 0"):
        Preprocessor(PreprocessConfig(pixel_size_um=0.5)).scale_for((4, 4), size)


def test_a_pixel_size_in_the_wrong_unit_is_refused_before_memory_is_taken():
    with pytest.raises(ValueError, match=r"1e\+03 times the model's 0.65 µm. Check its unit"):
        Preprocessor(PreprocessConfig(pixel_size_um=0.65)).image(ramp("uint8"), pixel_size_um=650)
