"""What every network must do: a new name in MODELS is tested without a line here."""

import copy

import pytest
import torch

from softlight.config import ModelConfig
from softlight.models.registry import MODELS, build_model

SIZES = [(1, 1), (1, 40), (17, 23), (33, 16), (64, 64)]


CHANGES = [
    {"depth": 3},
    {"width": 6},
    {"in_channels": 3},
    {"out_channels": 4},
    {"norm": "group"},
    {"norm": "none"},
    {"upsampling": "transposed"},
]


@pytest.fixture(params=sorted(MODELS))
def build(request):
    """A function that makes a small network with the same random weights each time."""

    def make(seed=5, **changes):
        settings = {"name": request.param, "depth": 2, "width": 4} | changes
        torch.manual_seed(seed)
        return build_model(ModelConfig.model_validate(settings))

    return make


class TestEveryNetwork:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("upsampling", ["bilinear", "transposed"])
    def test_any_size_comes_back(self, build, size, upsampling):
        model = build(in_channels=2, out_channels=3, upsampling=upsampling, depth=3)
        output = model.eval()(torch.rand(2, 2, *size))
        assert isinstance(output, tuple)
        assert output._fields[0] == "logits"
        assert output.logits.shape == (2, 3, *size)
        assert output.logits.dtype == torch.float32
        assert output.logits.isfinite().all()

    def test_a_whole_frame_at_full_depth(self, build):
        model = build(depth=4, width=2).eval()
        with torch.inference_mode():
            assert model(torch.rand(1, 1, 520, 704)).logits.shape == (1, 1, 520, 704)

    @pytest.mark.parametrize("norm", ["batch", "group", "none"])
    @pytest.mark.parametrize("upsampling", ["bilinear", "transposed"])
    def test_gradient_reaches_every_parameter(self, build, norm, upsampling):
        model = build(norm=norm, upsampling=upsampling, dropout=0.1, dropout_in="both")
        logits = model.train()(torch.rand(2, 1, 17, 23)).logits
        (logits * torch.rand_like(logits)).sum().backward()
        parameters = dict(model.named_parameters())
        assert parameters
        for name, parameter in parameters.items():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name

    def test_trains_on_a_single_pixel(self, build):
        loss = build().train()(torch.rand(1, 1, 1, 1)).logits.sum()
        loss.backward()
        assert loss.isfinite()

    def test_two_passes_in_eval_mode_are_identical(self, build):
        model = build(dropout=0.5, dropout_in="both").eval()
        image = torch.rand(1, 1, 30, 30)
        state = copy.deepcopy(model.state_dict())
        assert torch.equal(model(image).logits, model(image).logits)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, state[name]), name

    def test_images_of_a_batch_do_not_touch_each_other(self, build):
        model = build().eval()
        images = torch.rand(3, 1, 20, 28)
        together = model(images).logits
        alone = torch.cat([model(image[None]).logits for image in images])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)

    def test_the_input_is_not_changed(self, build):
        image = torch.rand(1, 1, 16, 16)
        before = image.clone()
        build().train()(image)
        assert torch.equal(image, before)

    def test_channels_last_gives_the_same(self, build):
        model = build().eval()
        image = torch.rand(1, 1, 21, 35)
        expected = model(image).logits
        fast = model.to(memory_format=torch.channels_last)
        result = fast(image.to(memory_format=torch.channels_last)).logits
        torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("change", CHANGES, ids=str)
    def test_each_setting_changes_the_parameters(self, build, change):
        base = {name: tensor.shape for name, tensor in build().state_dict().items()}
        changed = build(**change).state_dict()
        assert {name: tensor.shape for name, tensor in changed.items()} != base

    def test_dropout_acts_where_it_is_asked_for(self, build):
        image = torch.rand(1, 1, 32, 32)
        outputs = []
        for change in (
            {},
            {"dropout_in": "encoder"},
            {"dropout_in": "decoder"},
            {"dropout_in": "both"},
        ):
            model = build(dropout=0.4 if change else 0.0, **change).train()
            torch.manual_seed(1)
            outputs.append(model(image).logits)
        for i, one in enumerate(outputs):
            for other in outputs[:i]:
                assert not torch.equal(one, other)

    def test_weights_go_to_a_new_network_and_back(self, build):
        model = build().eval()
        other = build(seed=99).eval()
        image = torch.rand(1, 1, 19, 26)
        assert not torch.equal(model(image).logits, other(image).logits)
        other.load_state_dict(model.state_dict())
        assert torch.equal(model(image).logits, other(image).logits)

    def test_exports(self, build):
        model = build().eval()
        image = torch.rand(1, 1, 17, 23)
        exported = torch.export.export(model, (image,)).module()
        torch.testing.assert_close(exported(image)[0], model(image).logits)

    def test_wrong_channels_are_refused(self, build):
        with pytest.raises(ValueError, match=r"needs \(N, 2, Y, X\)"):
            build(in_channels=2)(torch.rand(1, 1, 8, 8))

    def test_an_empty_image_is_refused(self, build):
        with pytest.raises(ValueError, match="at least one pixel"):
            build()(torch.rand(1, 1, 0, 8))
