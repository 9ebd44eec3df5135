import pytest
import torch

from softlight.config import ModelConfig
from softlight.models.blocks import match_size, pad_to_multiple
from softlight.models.registry import build_model


def double(n_in, n_out):  # two 3x3 convolutions without bias, two batch norms
    return 9 * n_in * n_out + 9 * n_out * n_out + 4 * n_out


def test_parameters_are_those_counted_by_hand():
    model = build_model(ModelConfig(depth=2, width=8, in_channels=3, out_channels=2))
    encoder = double(3, 8) + double(8, 16) + double(16, 32)
    reduced = (32 * 16 + 16) + (16 * 8 + 8)
    decoder = double(32, 16) + double(16, 8)
    head = 8 * 2 + 2
    assert sum(p.numel() for p in model.parameters()) == encoder + reduced + decoder + head


def test_a_network_of_another_name_is_refused():
    with pytest.raises(ValueError, match="no network 'unett'; there are: unet"):
        build_model(ModelConfig(name="unett"))


def test_padding_is_a_mirror_and_an_edge_where_that_is_too_long():
    image = torch.arange(12.0).reshape(1, 1, 2, 6)
    padded = pad_to_multiple(image, 4)
    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
    assert padded[0, 0, :, 0].tolist() == [0, 6, 6, 6, 6, 6, 6, 6]


def test_an_image_that_fits_is_not_copied():
    image = torch.rand(1, 1, 16, 8)
    assert pad_to_multiple(image, 4) is image


def test_sizes_are_matched_by_cutting_and_repeating():
    x = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert match_size(x, 1, 3)[0, 0].tolist() == [[0, 1, 1]]


def test_the_reduction_commutes_with_the_interpolation():
    conv = torch.nn.Conv2d(6, 3, 1)
    x = torch.rand(1, 6, 9, 7)

    def enlarge(t):
        return torch.nn.functional.interpolate(t, scale_factor=2.0, mode="bilinear")

    torch.testing.assert_close(enlarge(conv(x)), conv(enlarge(x)))


def test_weights_start_at_the_scale_of_kaiming():
    torch.manual_seed(0)
    model = build_model(ModelConfig(depth=3, width=32))
    weight = model.downs[1][1][0].weight  # 64 to 128 channels
    assert weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.05)


@pytest.mark.parametrize("name", ["unet", "unetpp", "attention-unet"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (13, 30), (32, 32)])
def test_squares_of_pixels_are_taken_as_one_and_answered_apart(name, height, width):
    config = ModelConfig(name=name, depth=2, width=4, stride=2, in_channels=2, out_channels=3)
    model = build_model(config.model_copy(update={"deep_supervision": True})).eval()
    output = model(torch.rand(2, 2, height, width))
    assert output.logits.shape == (2, 3, height, width)
    assert output.auxiliary
    assert all(side.shape == output.logits.shape for side in output.auxiliary.values())


def test_each_pixel_of_a_square_has_its_own_answer():
    torch.manual_seed(0)
    model = build_model(ModelConfig(depth=1, width=4, stride=2)).eval()
    image = torch.zeros(1, 1, 64, 64)
    plain = model(image).logits
    image[0, 0, 8, 9] = 5.0
    changed = model(image).logits - plain
    here = changed[0, 0, 8:10, 8:10].flatten()
    assert len(set(here.tolist())) == 4
    assert changed[0, 0, 48:, 48:].abs().max() == 0  # far away nothing changes


def test_a_stride_makes_the_finest_level_lighter():
    fine, coarse = ModelConfig(width=16), ModelConfig(width=32, stride=2, depth=3)
    assert (fine.multiple, coarse.multiple) == (16, 16)
    assert coarse.values_per_pixel == fine.values_per_pixel / 2
