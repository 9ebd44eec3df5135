import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.draw import disk, ellipse, line
from skimage.measure import label as skimage_label

from softlight.instances.split import split_components, split_touching

CORNERS = np.ones((3, 3), bool)


def discs(*centres_and_radii, shape=(80, 120)):
    image = np.zeros(shape, np.float32)
    for row, column, radius in centres_and_radii:
        image[disk((row, column), radius, shape=shape)] = 1
    return image


def assert_valid(labels, foreground):
    """Each label is one connected piece of the foreground; they are numbered by first pixel."""
    assert labels.dtype == np.int32
    assert not labels[~foreground].any()
    count = labels.max(initial=0)
    for value in range(1, count + 1):
        assert ndimage.label(labels == value, CORNERS)[1] == 1
    _, first = np.unique(labels[labels > 0], return_index=True)
    assert (np.diff(first) > 0).all()


def test_components_are_those_of_scikit_image():
    foreground = np.random.default_rng(1).random((40, 60)) > 0.7
    labels = split_components(foreground)
    assert labels.max() > 10
    np.testing.assert_array_equal(labels, skimage_label(foreground, connectivity=2))


def test_components_below_the_area_are_dropped():
    foreground = discs((10, 10, 2), (40, 60, 10)) > 0
    assert split_components(foreground).max() == 2
    kept = split_components(foreground, min_area_px=20)
    np.testing.assert_array_equal(kept, foreground & (np.arange(80)[:, None] > 20))


def test_nothing_in_nothing_out():
    empty = np.zeros((5, 7))
    assert split_components(empty > 0).shape == (5, 7)
    assert not split_components(empty > 0).any()
    assert not split_touching(empty).any()


def test_all_foreground_is_one_cell():
    assert (split_touching(np.ones((9, 12))) == 1).all()
    assert not split_touching(np.ones((9, 12)), min_area_px=109).any()


def test_touching_discs_are_cut_at_the_neck():
    image = discs((40, 40, 15), (40, 66, 15))
    assert split_components(image > 0).max() == 1
    labels = split_touching(image)
    assert labels.max() == 2
    assert_valid(labels, image > 0)
    assert (labels[:, :52][image[:, :52] > 0] == labels[40, 40]).all()
    assert (labels[:, 55:][image[:, 55:] > 0] == labels[40, 66]).all()
    np.testing.assert_array_equal(labels > 0, image > 0)


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90])
def test_a_spindle_stays_whole(angle):
    image = np.zeros((120, 120), np.float32)
    image[ellipse(60, 60, 7, 45, rotation=np.deg2rad(angle))] = 1
    assert split_touching(image).max() == 1


def test_an_evenly_thick_bent_cell_stays_whole():
    path = np.zeros((100, 120), bool)
    for start, end in [((20, 20), (50, 60)), ((50, 60), (20, 100))]:
        path[line(*start, *end)] = True
    image = (ndimage.distance_transform_edt(~path) <= 6).astype(np.float32)
    assert split_touching(image).max() == 1


def test_a_cluster_of_four():
    image = discs((20, 30, 12), (20, 52, 12), (41, 30, 12), (41, 52, 12))
    assert split_touching(image).max() == 4


def test_a_small_bump_goes_to_its_cell():
    image = discs((40, 40, 15), (40, 58, 5))
    assert split_touching(image, min_distance_px=3, neck=1.0).max() == 2
    merged = split_touching(image, min_distance_px=3, neck=1.0, min_area_px=70)
    assert merged.max() == 1
    np.testing.assert_array_equal(merged > 0, image > 0)  # its area is not lost


def test_each_setting_changes_the_result():
    image = discs((40, 40, 15), (40, 64, 15)) * np.float32(0.7)
    assert split_touching(image).max() == 2
    assert split_touching(image, threshold=0.8).max() == 0
    assert split_touching(image, neck=0.3).max() == 1
    assert split_touching(image, min_distance_px=60).max() == 1
    assert split_touching(image, min_area_px=10_000).max() == 0


def test_a_dip_of_the_probability_divides():
    image = discs((40, 40, 15), (40, 60, 15))
    assert split_touching(image, neck=0.6).max() == 1
    image[:, 49:52] *= 0.6
    assert split_touching(image, neck=0.6).max() == 2


def test_the_image_is_not_changed():
    image = discs((40, 40, 15))
    before = image.copy()
    split_touching(image)
    np.testing.assert_array_equal(image, before)


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 24), st.integers(1, 24)),
        elements=st.floats(0, 1, width=32),
    )
)
def test_any_foreground_is_covered_by_connected_cells(image):
    labels = split_touching(image, min_distance_px=2)
    assert_valid(labels, image >= 0.5)
    np.testing.assert_array_equal(labels > 0, image >= 0.5)


def test_a_whole_frame_is_fast():
    noise = np.random.default_rng(0).normal(size=(520, 704))
    smooth = ndimage.gaussian_filter(noise, 6)
    image = (smooth > 0).astype(np.float32)
    start = time.process_time()
    labels = split_touching(image)
    assert labels.max() > 50
    assert time.process_time() - start < 3  # about 0.2 s


@pytest.mark.parametrize("split", [split_components, split_touching])
def test_more_than_one_plane_is_refused(split):
    with pytest.raises(ValueError, match=r"\(2, 5, 5\); it must be one plane"):
        split(np.zeros((2, 5, 5)))


def test_nan_is_refused():
    with pytest.raises(ValueError, match="holds NaN"):
        split_touching(np.full((5, 5), np.nan))
