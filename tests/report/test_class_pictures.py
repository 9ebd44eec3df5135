import io

import numpy as np
import pytest
from PIL import Image

from softlight.report.class_pictures import (
    CLASS_COLOURS,
    CLASS_ZERO,
    class_colour,
    class_layer,
    class_legend,
    picture_of_classes,
    preview_of_classes,
    wrong_layer,
)
from softlight.report.colours import GREEN, VERMILION
from softlight.report.view import PictureError, View

NAMES = ("cytoplasm", "membrane", "nucleus")
TRUTH = np.array([[0, 0, 0, 0], [0, 2, 2, 0], [0, 2, 2, 0], [1, 1, 1, 1]])
FOUND = np.array([[0, 0, 0, 0], [0, 2, 2, 0], [0, 0, 2, 0], [1, 0, 1, 2]])
IMAGE = np.arange(16.0).reshape(4, 4)


def test_each_class_has_a_colour_and_a_name() -> None:
    assert class_legend(NAMES) == ((VERMILION, "membrane"), (GREEN, "nucleus"))
    assert class_legend(NAMES, zero=True)[0] == (CLASS_ZERO, "cytoplasm")
    assert len(set(CLASS_COLOURS)) == len(CLASS_COLOURS)
    assert class_colour(8) == class_colour(1)


def test_classes_are_painted_in_their_colours() -> None:
    layer = class_layer(TRUTH, View())
    assert layer.shape == (4, 4, 4)
    assert not layer[TRUTH == 0, 3].any()
    assert (layer[TRUTH == 1, :3] == VERMILION).all()
    assert (layer[TRUTH == 2, :3] == GREEN).all()
    assert (layer[TRUTH > 0, 3] > 0).all()


def test_wrong_pixels_have_the_colour_of_what_they_are() -> None:
    layer = wrong_layer(FOUND, TRUTH, View())
    wrong = FOUND != TRUTH
    assert ((layer[..., 3] > 0) == wrong).all()
    assert tuple(layer[2, 1, :3]) == GREEN
    assert tuple(layer[3, 1, :3]) == VERMILION
    swapped = wrong_layer(TRUTH, FOUND, View())
    assert tuple(swapped[3, 1, :3]) == CLASS_ZERO


def test_what_is_not_known_is_not_wrong() -> None:
    valid = np.ones((32, 32), bool)
    valid[:, :16] = False
    found, truth = np.ones((32, 32), int), np.zeros((32, 32), int)
    layer = wrong_layer(found, truth, View(), valid=valid)
    assert (layer[:, 16:, :3] == CLASS_ZERO).all()
    striped = layer[:, :16, 3] > 0
    assert 0.2 < striped.mean() < 0.6


def test_a_picture_has_a_legend_in_its_panels() -> None:
    picture = picture_of_classes("a", IMAGE, FOUND, NAMES, truth=TRUTH, caption="mIoU 0.5")
    assert [panel.title for panel in picture.panels] == [
        "Classes found",
        "Annotation",
        "Wrong pixels",
    ]
    assert picture.panels[0].legend == class_legend(NAMES)
    assert picture.panels[2].legend[0] == (CLASS_ZERO, "truly cytoplasm")
    assert "cytoplasm 62%, membrane 12%, nucleus 25%" in picture.alt
    layer = np.asarray(Image.open(io.BytesIO(picture.layers[0].file)))
    assert layer.shape[:2] == tuple(View.fit((4, 4), largest_px=1408).labels(FOUND).shape)
    alone = picture_of_classes("a", IMAGE, FOUND, NAMES)
    assert [panel.title for panel in alone.panels] == ["Image", "Classes found"]
    partly = picture_of_classes("a", IMAGE, FOUND, NAMES, truth=TRUTH, valid=TRUTH > 0)
    assert partly.panels[2].legend[-1][1] == "not annotated"


def test_a_preview_has_a_row_an_image_and_a_legend() -> None:
    one = preview_of_classes([IMAGE], [FOUND], NAMES, truth=[TRUTH], titles=["a"], panel_px=64)
    two = preview_of_classes(
        [IMAGE, IMAGE], [FOUND, TRUTH], NAMES, truth=[TRUTH, TRUTH], titles=["a", "b"], panel_px=64
    )
    assert one.shape[1] == two.shape[1] > 4 * 64
    assert two.shape[0] > 1.5 * one.shape[0]
    assert (one.reshape(-1, 3) == GREEN).all(axis=1).any()


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(PictureError, match=r"image is \(4, 4\), its classes \(2, 2\)"):
        picture_of_classes("a", IMAGE, FOUND[:2, :2], NAMES)
    with pytest.raises(PictureError, match=r"from 0 to 2, but there are the names of 2"):
        picture_of_classes("a", IMAGE, FOUND, NAMES[:2])
