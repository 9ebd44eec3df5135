import numpy as np
import pytest
import torch
from skimage.draw import disk
from torch import nn

from softlight.config import ModelConfig, ModelSpec, PredictConfig, PreprocessConfig
from softlight.inference import predict
from softlight.inference.predict import (
    Segmenter,
    cell_probability,
    class_map,
    foreground_probability,
)
from softlight.inference.views import mean_of_views, views_of
from softlight.models.device import DeviceError
from softlight.models.outputs import NetworkOutput
from softlight.models.registry import build_model
from softlight.models.saved import save_model

IMAGE = np.random.default_rng(4).integers(100, 4000, (70, 93), dtype=np.uint16)


def spec_for(preprocess=None, threshold=0.5, predict=None, **model):
    return ModelSpec(
        name="tiny",
        model=ModelConfig.model_validate({"depth": 2, "width": 4} | model),
        preprocess=PreprocessConfig.model_validate(preprocess or {}),
        threshold=threshold,
        predict=PredictConfig.model_validate(predict or {}),
    )


def network_for(spec):
    torch.manual_seed(3)
    network = build_model(spec.model)
    with torch.no_grad():
        for _ in range(3):  # running means that belong to images
            network(torch.rand(2, spec.model.in_channels, 32, 32))
        network.head.weight *= 10  # far from 0.5
    return network


def segmenter_for(spec, **settings):
    return Segmenter(network_for(spec), spec, **{"device": "cpu", "precision": "32"} | settings)


class Identity(nn.Module):
    """Logits such that the probability is the prepared image itself."""

    def forward(self, image):
        return NetworkOutput(torch.logit(image.clamp(1e-6, 1 - 1e-6)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (64, 64), (70, 93)])
@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_lie_on_the_grid_of_the_image(shape, classes):
    segmenter = segmenter_for(spec_for(out_channels=classes))
    probability = segmenter.probability(IMAGE[: shape[0], : shape[1]])
    assert probability.shape == (classes, *shape)
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1
    if classes > 1:
        np.testing.assert_allclose(probability.sum(0), 1, atol=1e-5)


def test_the_probability_is_the_sigmoid_of_the_logits_of_the_prepared_image():
    spec = spec_for({"method": "range", "minimum": 100, "maximum": 4100})
    segmenter = segmenter_for(spec)
    with torch.no_grad():
        prepared = torch.from_numpy((IMAGE.astype(np.float32) - 100) / 4000)
        logits = network_for(spec).eval()(prepared[None, None]).logits[0].numpy()
    assert logits.std() > 0.01
    np.testing.assert_allclose(segmenter.probability(IMAGE), 1 / (1 + np.exp(-logits)), atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 30), (64, 64), (65, 150), (190, 77)])
@pytest.mark.parametrize("flips", [False, True])
def test_an_identity_network_gives_the_image_back_through_tiles(shape, flips):
    spec = spec_for({"method": "range", "minimum": 0, "maximum": 1, "clip": True})
    segmenter = Segmenter(Identity(), spec, device="cpu", precision="32", tile=64)
    image = np.random.default_rng(0).uniform(0.01, 0.99, shape).astype(np.float32)
    np.testing.assert_allclose(segmenter.probability(image, flips=flips)[0], image, atol=1e-6)


def test_tiles_agree_with_the_whole_image():
    spec = spec_for()
    image = np.random.default_rng(1).integers(0, 255, (300, 410), dtype=np.uint8)
    whole = segmenter_for(spec).probability(image)
    heard = []
    tiled = segmenter_for(spec, tile=128).probability(image, progress=lambda *n: heard.append(n))
    assert len(heard) > 6
    assert whole.std() > 0.03
    difference = np.abs(tiled - whole)  # from what a tile misses beyond its border
    assert difference.max() < 0.1 * whole.std()
    assert difference.mean() < 0.005 * whole.std()


def test_a_cell_across_tiles_stays_one_cell():
    spec = spec_for({"method": "range", "minimum": 0, "maximum": 1})
    segmenter = Segmenter(Identity(), spec, device="cpu", precision="32", tile=64)
    image = np.full((150, 150), 0.1, np.float32)
    image[disk((70, 64), 40)] = 0.9
    np.testing.assert_array_equal(segmenter.foreground(image), image > 0.5)


def test_a_large_image_goes_in_tiles_by_itself(monkeypatch):
    sizes = []

    class Spy(Identity):
        def forward(self, image):
            sizes.append(image.shape[-2:])
            return super().forward(image)

    segmenter = Segmenter(Spy(), spec_for(), device="cpu", precision="32")
    segmenter.probability(IMAGE)
    assert sizes == [(70, 93)]
    monkeypatch.setattr(predict, "WHOLE_LIMIT", 4 * 40 * 40)
    sizes.clear()
    segmenter.probability(IMAGE)
    assert len(sizes) > 4
    assert max(height * width for height, width in sizes) <= 40 * 40


def test_bf16_is_near_float32():
    spec = spec_for(width=8)
    exact = segmenter_for(spec).probability(IMAGE)
    rough = segmenter_for(spec, precision="bf16").probability(IMAGE)
    assert rough.dtype == np.float32
    assert not np.array_equal(exact, rough)
    assert np.abs(exact - rough).mean() < 0.01


def test_precision_auto_goes_by_the_processor(monkeypatch):
    monkeypatch.setattr(predict, "is_fast_in_bf16", lambda device: True)
    assert segmenter_for(spec_for(), precision="auto").bf16
    assert not segmenter_for(spec_for(), precision="32").bf16
    monkeypatch.setattr(predict, "is_fast_in_bf16", lambda device: False)
    assert not segmenter_for(spec_for(), precision="auto").bf16
    assert segmenter_for(spec_for(), precision="bf16").bf16


def test_flips_average_the_four_mirror_images():
    segmenter = segmenter_for(spec_for({"method": "range", "maximum": 4095}))
    parts = []
    for axes in [(), (0,), (1,), (0, 1)]:
        part = segmenter.probability(np.flip(IMAGE, axes))[0]
        parts.append(np.flip(part, axes))
    result = segmenter.probability(IMAGE, flips=True)[0]
    assert not np.allclose(result, parts[0], atol=1e-4)
    np.testing.assert_allclose(result, np.mean(parts, axis=0), atol=1e-5)
    segmenter.spec = segmenter.spec.model_copy(update={"predict": PredictConfig(flips=True)})
    np.testing.assert_array_equal(segmenter.probability(IMAGE)[0], result)  # asked by the model


def test_zooms_average_the_image_at_several_sizes_one_mirrored_unlike_the_other():
    settings = {"method": "range", "maximum": 4095}
    views = [(1.5, []), (1.0, [1]), (0.8, [0])]
    parts = []
    for zoom, axes in views:
        spec = spec_for(settings, predict={"zooms": (zoom,)})
        part = segmenter_for(spec).probability(np.flip(IMAGE, axes))[0]
        parts.append(np.flip(part, axes))
    assert not np.allclose(parts[0], parts[1], atol=1e-4)
    asked = spec_for(settings, predict={"zooms": [zoom for zoom, _ in views]})
    result = segmenter_for(asked).probability(IMAGE)[0]
    np.testing.assert_allclose(result, np.mean(parts, axis=0), atol=1e-5)
    asked = spec_for(settings, predict={"zooms": [1.5, 1.0], "flips": True})
    assert len(views_of(asked.predict)) == 8


def test_a_flow_turns_around_with_its_mirror_image():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)

    def slope(seen):
        return np.stack([seen[0], *np.gradient(seen[0])])

    mean = mean_of_views(image, views_of(PredictConfig(flips=True)), slope, flow=True)
    np.testing.assert_allclose(mean, slope(image), atol=1e-6)


def test_a_size_is_asked_of_an_image_of_one_pixel():
    spec = spec_for({"method": "range", "maximum": 4095}, predict={"zooms": [0.3, 1]})
    assert segmenter_for(spec).probability(IMAGE[:1, :1]).shape == (1, 1, 1)


def test_the_image_is_resized_for_the_network_and_back():
    seen = []

    class Spy(Identity):
        def forward(self, image):
            seen.append(image.shape[-2:])
            return super().forward(image)

    resized = spec_for({"resize_to": (32, 48)})
    assert Segmenter(Spy(), resized, device="cpu").probability(IMAGE).shape == (1, 70, 93)
    sized = Segmenter(Spy(), spec_for({"pixel_size_um": 1.0}), device="cpu")
    assert sized.probability(IMAGE, pixel_size_um=2.0).shape == (1, 70, 93)
    sized.probability(IMAGE)
    assert seen == [(32, 48), (140, 186), (70, 93)]


def test_foreground_obeys_the_threshold_of_the_description():
    probability = segmenter_for(spec_for()).probability(IMAGE)[0]
    middle = float(np.quantile(probability, 0.3))
    foreground = segmenter_for(spec_for(threshold=middle)).foreground(IMAGE)
    assert foreground.dtype == np.bool_
    np.testing.assert_array_equal(foreground, probability >= np.float32(middle))
    assert 0.6 < foreground.mean() < 0.8


def test_foreground_and_classes_of_probabilities():
    one = np.array([[[0.2, 0.5, 0.9]]], np.float32)
    assert foreground_probability(one).tolist() == one[0].tolist()
    assert class_map(one).tolist() == [[0, 1, 1]]
    assert class_map(one, threshold=0.6).tolist() == [[0, 0, 1]]
    three = np.array([[[0.7, 0.4]], [[0.1, 0.2]], [[0.2, 0.4]]], np.float32)
    np.testing.assert_allclose(foreground_probability(three), [[0.3, 0.6]], atol=1e-6)
    assert class_map(three).tolist() == [[0, 2]]
    assert class_map(three, threshold=0.25).tolist() == [[0, 2]]  # 0.7 * 0.25 > 0.2 * 0.75
    assert class_map(three, threshold=0.2).tolist() == [[2, 2]]  # 0.7 * 0.2 < 0.2 * 0.8
    torn = np.array([[[0.4]], [[0.35]], [[0.25]]], np.float32)
    assert class_map(torn).tolist() == [[0]]  # the likeliest, though not likely


def test_cells_are_what_is_not_membrane():
    three = np.array([[[0.7, 0.1]], [[0.1, 0.8]], [[0.2, 0.1]]], np.float32)
    np.testing.assert_allclose(
        cell_probability(three, ("bg", "body", "nucleus")), [[0.3, 0.9]], atol=1e-6
    )
    tissue = ("cytoplasm", "membrane", "nucleus")
    np.testing.assert_allclose(cell_probability(three, tissue), [[0.9, 0.2]], atol=1e-6)
    one = np.array([[[0.2, 0.9]]], np.float32)
    np.testing.assert_allclose(
        cell_probability(one, ("background", "membrane")), [[0.8, 0.1]], atol=1e-6
    )
    np.testing.assert_allclose(cell_probability(one, ("membrane", "cell")), [[0.2, 0.9]], atol=1e-6)


def test_neither_network_nor_image_is_changed():
    torch.manual_seed(0)
    model = build_model(spec_for().model).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    image = IMAGE.copy()
    Segmenter(model, spec_for(), device="cpu").probability(image, flips=True)
    assert model.training
    assert model.downs[0][1][0].weight.is_contiguous()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    np.testing.assert_array_equal(image, IMAGE)


def test_a_saved_model_segments_like_the_one_in_memory(tmp_path):
    spec = spec_for()
    model = network_for(spec)
    save_model(tmp_path / "m", model, spec, card="")
    here = Segmenter(model, spec, device="cpu").probability(IMAGE)
    saved = Segmenter.from_saved(tmp_path / "m", device="cpu").probability(IMAGE)
    named = Segmenter.from_saved("m", folders=[tmp_path], device="cpu").probability(IMAGE)
    np.testing.assert_array_equal(saved, here)
    np.testing.assert_array_equal(named, here)


def test_colour_goes_to_a_network_of_three_channels():
    colour = np.random.default_rng(0).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    assert segmenter_for(spec_for(in_channels=3)).probability(colour).shape == (1, 20, 24)
    assert segmenter_for(spec_for()).probability(colour).shape == (1, 20, 24)


def test_an_absent_device_is_an_error(monkeypatch):
    monkeypatch.setattr("softlight.models.device.available_devices", lambda: ["cpu"])
    with pytest.raises(DeviceError, match="'cuda' was asked for"):
        segmenter_for(spec_for(), device="cuda")


def test_nan_from_the_network_is_an_error():
    class Broken(nn.Module):
        def forward(self, image):
            return NetworkOutput(image * torch.nan)

    with pytest.raises(ValueError, match="'tiny' gave NaN"):
        Segmenter(Broken(), spec_for(), device="cpu").probability(IMAGE)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card here")
@pytest.mark.parametrize(("precision", "tolerance"), [("32", 1e-3), ("bf16", 0.01)])
def test_cuda_agrees_with_the_cpu(precision, tolerance):
    spec = spec_for(width=8)
    cpu = segmenter_for(spec).probability(IMAGE)
    cuda = segmenter_for(spec, device="cuda", precision=precision).probability(IMAGE)
    assert np.abs(cpu - cuda).mean() < tolerance
