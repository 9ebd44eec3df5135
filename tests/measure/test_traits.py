import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from softlight.config import FingerprintConfig
from softlight.measure.faults import image_faults, odd_fault
from softlight.measure.traits import (
    DIFFERENCES,
    ONE_SIDED,
    RATIOS,
    fingerprint_of,
    image_traits,
    odd_traits,
    pixel_noise,
    seems_inverted,
    spectrum_slope,
)


def scene(*, seed: int = 0, side: int = 128) -> np.ndarray:
    """Detail of all sizes and a little noise, 8 bits."""
    rng = np.random.default_rng(seed)
    cells = sum(gaussian_filter(rng.normal(size=(side, side)), s) * s for s in (1, 2, 4))
    image = 120 + 25 * cells / cells.std() + rng.normal(0, 2, (side, side))
    return image.clip(1, 254).astype(np.uint8)


def test_traits_by_hand() -> None:
    image = np.repeat(np.arange(101.0)[None], 101, axis=0)  # 0 to 100, each as often
    traits = image_traits(image)
    assert traits["contrast"] == pytest.approx(98 / 50)
    assert traits["middle"] == pytest.approx(0.5)
    assert traits["skewness"] == pytest.approx(0, abs=1e-6)
    assert image_traits(image**4)["skewness"] > 0.5
    assert image_traits(-(image**4))["skewness"] < -0.5


def test_gain_and_size_of_the_field_do_not_matter() -> None:
    image = scene().astype(float)
    one, louder = image_traits(image), image_traits(300 * image)
    assert louder == pytest.approx(one)
    larger = image_traits(np.tile(image, (2, 2)))
    for name in ("contrast", "middle", "skewness", "signal_to_noise", "sharpness"):
        assert larger[name] == pytest.approx(one[name], rel=0.1, abs=0.1)


def test_noise_is_measured_beside_detail() -> None:
    rng = np.random.default_rng(0)
    smooth = 1000 * np.sin(np.arange(200) / 20)[:, None] * np.ones(200)
    assert pixel_noise(smooth + rng.normal(0, 5, (200, 200))) == pytest.approx(5, rel=0.05)
    assert pixel_noise(smooth) < 0.1
    assert pixel_noise(np.zeros((1, 9))) == 0


def test_the_slope_is_that_of_the_spectrum() -> None:
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256))
    frequency[0, 0] = np.inf
    for power in (0, -2, -4):
        shaped = np.fft.rfft2(rng.normal(size=(256, 256))) * frequency ** (power / 2)
        assert spectrum_slope(np.fft.irfft2(shaped)) == pytest.approx(power, abs=0.25)
    assert np.isnan(spectrum_slope(np.zeros((64, 64))))


@pytest.mark.parametrize(
    ("change", "trait", "kind"),
    [
        (lambda x: gaussian_filter(x.astype(float), 3), "sharpness", "focus"),
        (lambda x: np.repeat(np.repeat(x, 3, 0), 3, 1), "sharpness", "focus"),
        (lambda x: x + np.random.default_rng(1).normal(0, 60, x.shape), "signal_to_noise", "noise"),
        (lambda x: 120 + (x - 120.0) / 8, "contrast", "contrast"),
        (lambda x: np.exp(x / 25.0), "skewness", "intensities"),
    ],
)
def test_an_image_unlike_the_others_is_told_with_the_reason(
    change: object, trait: str, kind: str
) -> None:
    fingerprint = fingerprint_of([image_traits(scene(seed=seed)) for seed in range(6)])
    assert fingerprint is not None
    assert odd_traits(image_traits(scene(seed=9)), fingerprint) == []
    odd = odd_traits(image_traits(change(scene(seed=9))), fingerprint)  # type: ignore[operator]
    assert trait in [each.trait for each in odd]
    assert kind in [odd_fault(each).kind for each in odd]
    assert [abs(each.distance) for each in odd] == sorted(
        (abs(each.distance) for each in odd), reverse=True
    )


def test_far_by_hand_and_farther_with_few_images() -> None:
    many = FingerprintConfig(images=1000, traits={"middle": (0.4, 0.5, 0.6)})
    assert odd_traits({"middle": 0.79}, many) == []
    (low,) = odd_traits({"middle": 0.1}, many)
    assert (low.trait, low.lowest, low.highest) == ("middle", 0.4, 0.6)
    assert low.distance == pytest.approx(-1.5, rel=0.01)
    one = many.model_copy(update={"images": 1})
    assert odd_traits({"middle": 0.1}, one) == []
    assert odd_traits({"middle": np.nan, "other": 3.0}, many) == []
    clean = FingerprintConfig(images=9, traits={"signal_to_noise": (1, 2, 3)})
    assert odd_traits({"signal_to_noise": 300.0}, clean) == []
    assert odd_traits({"signal_to_noise": 0.01}, clean)


def test_a_negative_is_known_by_its_intensities() -> None:
    image = np.exp(scene() / 60.0)
    fingerprint = fingerprint_of([image_traits(np.exp(scene(seed=n) / 60.0)) for n in range(4)])
    assert fingerprint is not None
    assert seems_inverted(image_traits(image.max() - image), fingerprint)
    assert not seems_inverted(image_traits(image), fingerprint)
    assert not seems_inverted(image_traits(image**6), fingerprint)  # neither is like the training
    assert not seems_inverted({}, fingerprint)


def test_every_trait_has_words_both_ways() -> None:
    for trait in (*RATIOS, *DIFFERENCES):
        fingerprint = FingerprintConfig(images=9, traits={trait: (1.0, 1.0, 1.0)})
        for value in (1e-9, 1e9) if trait in RATIOS else (-1e9, 1e9):
            found = odd_traits({trait: value}, fingerprint)
            if trait in ONE_SIDED and value > 1:
                assert not found
            else:
                fault = odd_fault(found[0])
                assert "1 to 1 in training" in fault.what
                assert fault.advice.endswith(".")


def test_an_image_without_anything_has_no_traits() -> None:
    traits = image_traits(np.full((40, 40), 7, np.uint8))
    assert traits.pop("contrast") == 0
    assert np.isnan(list(traits.values())).all()
    assert fingerprint_of([]) is None


@pytest.mark.parametrize(
    ("frame", "kind", "words"),
    [
        (np.full((64, 64), 7, np.uint8), "empty", "same value, 7, in every pixel"),
        (np.full((64, 64), np.nan, np.float32), "numbers", "NaN or infinity in 100.0%"),
        (scene()[:8], "axes", "8 rows of 128 pixels"),
        (scene(side=24), "size", "24 x 24 pixels only"),
        (np.where(scene() > 130, 255, scene()), "saturated", "have the highest value, 255"),
        (scene() // 20 * 20, "levels", "grey levels only"),
        (np.stack([scene(), 255 - scene(), scene()], -1), "colour", "sees one grey channel"),
    ],
)
def test_faults_of_the_image_itself(frame: np.ndarray, kind: str, words: str) -> None:
    faults = {fault.kind: fault for fault in image_faults(frame)}
    assert words in faults[kind].what
    assert faults[kind].advice.endswith(".")


def test_a_good_image_has_no_fault() -> None:
    assert image_faults(scene()) == []
    assert image_faults(np.stack([scene()] * 3, -1)) == []  # grey, saved as colour
    assert image_faults(np.stack([scene(), 255 - scene(), scene()], -1), grey=False) == []


def test_livecell_is_like_livecell_and_nothing_else_is(real_data) -> None:  # type: ignore[no-untyped-def]
    """Fingerprint of three cell types; another type passes, fluorescence and blur do not."""
    folder = real_data / "livecell" / "images"
    train = [p for p in sorted(folder.glob("*.tif")) if p.name[:5] in ("A172_", "Huh7_", "SKOV3")]
    fingerprint = fingerprint_of([image_traits(tifffile.imread(path)) for path in train])
    assert fingerprint is not None
    other = tifffile.imread(next(folder.glob("BT474*")))
    assert odd_traits(image_traits(other), fingerprint) == []
    blurred = gaussian_filter(other.astype(float), 3)
    assert odd_traits(image_traits(blurred), fingerprint)[0].trait in ("sharpness", "slope")
    nuclei = real_data / "stills" / "dsb2018_nuclei" / "images"
    stained = tifffile.imread(sorted(nuclei.glob("*.tif"))[0])
    stained = stained if stained.ndim == 2 else stained[..., 0]
    assert len(odd_traits(image_traits(stained), fingerprint)) >= 3
