"""Shapes and grey values against scikit-image's, and by hand."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import ndimage
from skimage.measure import regionprops_table

from softlight.measure.errors import MeasureError
from softlight.measure.morphology import measure_frame

THEIRS = {
    "y_px": "centroid-0",
    "x_px": "centroid-1",
    "area_px": "area",
    "equivalent_diameter_px": "equivalent_diameter_area",
    "axis_major_length_px": "axis_major_length",
    "axis_minor_length_px": "axis_minor_length",
    "eccentricity": "eccentricity",
    "orientation_rad": "orientation",
    "solidity": "solidity",
    "perimeter_px": "perimeter",
    "mean_intensity": "intensity_mean",
    "sd_intensity": "intensity_std",
    "min_intensity": "intensity_min",
    "max_intensity": "intensity_max",
    "weighted_y_px": "centroid_weighted-0",
    "weighted_x_px": "centroid_weighted-1",
}


def ragged_cells(*, count: int, side: int, seed: int) -> npt.NDArray[np.int32]:
    """Touching cells with holes and bays, many in several pieces."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros((side, side), np.int32)
    seeds[tuple(rng.integers(0, side, (2, count)))] = np.arange(1, count + 1)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, return_distances=False, return_indices=True
    )
    labels = seeds[tuple(nearest)]
    noise = ndimage.gaussian_filter(rng.normal(size=labels.shape), 1.5)
    labels[noise > np.quantile(noise, 0.6)] = 0
    return labels


@pytest.mark.parametrize("seed", range(3))
def test_equals_scikit_image(seed: int) -> None:
    labels = ragged_cells(count=60, side=160, seed=seed)
    image = np.random.default_rng(seed).integers(0, 65536, labels.shape).astype(np.uint16)
    mine = measure_frame(labels, image)
    theirs = regionprops_table(labels, image, properties=("label", *_bases()))
    assert mine["label"].tolist() == theirs["label"].tolist()
    assert len(mine) > 50
    for name, base in THEIRS.items():
        directed = mine["orientation_rad"].notna() | (name != "orientation_rad")
        np.testing.assert_allclose(
            mine[name][directed], theirs[base][directed], rtol=1e-9, atol=1e-9, err_msg=name
        )


def _bases() -> list[str]:
    return sorted({name.split("-")[0] for name in THEIRS.values()})


def test_thin_and_single_pixel_shapes_equal_scikit_image() -> None:
    labels = np.zeros((14, 14), np.int32)
    labels[1, 1] = 1
    labels[1, 3:9] = 2
    labels[3:9, 1] = 3
    labels[range(4, 10), range(4, 10)] = 4
    labels[3, 11:13] = labels[4, 11:13] = 5
    labels[12, [1, 5, 9]] = 6
    mine = measure_frame(labels)
    theirs = regionprops_table(
        labels, properties=("area_convex", "perimeter", "axis_major_length", "axis_minor_length")
    )
    np.testing.assert_allclose(mine["area_px"] / mine["solidity"], theirs["area_convex"])
    np.testing.assert_allclose(mine["perimeter_px"], theirs["perimeter"])
    np.testing.assert_allclose(mine["axis_major_length_px"], theirs["axis_major_length"])
    np.testing.assert_allclose(mine["axis_minor_length_px"], theirs["axis_minor_length"], atol=1e-6)
    assert mine["orientation_rad"].isna().tolist() == [True, False, False, False, True, False]


def test_a_rectangle_by_hand() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[5:9, 10:20] = 7  # 4 rows, 10 columns
    (cell,) = measure_frame(labels, frame=3, pixel_size_um=0.5).to_dict("records")
    assert (cell["frame"], cell["label"]) == (3, 7)
    assert (cell["y_px"], cell["x_px"]) == (6.5, 14.5)
    assert (cell["y_um"], cell["x_um"]) == (3.25, 7.25)
    assert (cell["area_px"], cell["area_um2"]) == (40, 10.0)
    assert cell["solidity"] == 1.0
    assert cell["perimeter_px"] == 2 * (3 + 9)  # through the centres of the border pixels
    assert cell["perimeter_um"] == 12.0
    assert cell["axis_major_length_px"] == pytest.approx(4 * np.sqrt((10**2 - 1) / 12))
    assert cell["axis_minor_length_px"] == pytest.approx(4 * np.sqrt((4**2 - 1) / 12))
    assert abs(cell["orientation_rad"]) == pytest.approx(np.pi / 2)  # along the row
    assert not cell["touches_border"]


def test_grey_values_by_hand() -> None:
    labels = np.zeros((6, 8), np.int32)
    labels[1:3, 1:6] = 1
    image = np.zeros((6, 8), np.uint8)
    image[1, 1:6] = [0, 1, 2, 3, 4]
    image[2, 1:6] = [5, 6, 7, 8, 255]
    (cell,) = measure_frame(labels, image).to_dict("records")
    values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 255]
    assert cell["sum_intensity"] == sum(values)
    assert cell["mean_intensity"] == pytest.approx(np.mean(values))
    assert cell["sd_intensity"] == pytest.approx(np.std(values))
    assert cell["median_intensity"] == 4.5
    assert (cell["min_intensity"], cell["max_intensity"]) == (0, 255)
    assert (cell["bright_y_px"], cell["bright_x_px"]) == (2, 5)


def test_brightest_part_takes_all_pixels_as_bright_as_the_dimmest_of_the_tenth() -> None:
    image = np.full((10, 10), 5, np.uint16)
    image[0, :4] = 9
    (cell,) = measure_frame(np.ones((10, 10), np.int32), image).to_dict("records")
    assert (cell["bright_y_px"], cell["bright_x_px"]) == (4.5, 4.5)  # the tenth pixel is a 5


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "uint32", "float32", "bool"])
def test_any_kind_of_pixel(kind: str) -> None:
    labels = ragged_cells(count=20, side=60, seed=5)
    image = (np.arange(labels.size).reshape(labels.shape) % 97).astype(kind)
    mine = measure_frame(labels, image)
    for cell in mine.itertuples():
        values = image[labels == cell.label].astype(float)
        assert cell.median_intensity == np.median(values)
        assert cell.sum_intensity == pytest.approx(values.sum())


def test_nan_pixels_make_their_cell_undefined_and_no_other() -> None:
    labels = np.zeros((4, 8), np.int32)
    labels[1:3, 1:3], labels[1:3, 5:7] = 1, 2
    image = np.ones((4, 8), np.float32)
    image[1, 1] = np.nan
    table = measure_frame(labels, image)
    grey = [name for name in table if "intensity" in name or "bright" in name or "weighted" in name]
    assert table.loc[0, grey].isna().all()
    assert table.loc[1, grey].notna().all()


def test_dark_cells_have_no_weighted_place() -> None:
    labels = np.ones((3, 3), np.int32)
    (cell,) = measure_frame(labels, np.zeros((3, 3), np.uint8)).to_dict("records")
    assert np.isnan(cell["weighted_y_px"])
    assert cell["bright_y_px"] == 1.0


def test_channels_have_their_names() -> None:
    labels = np.ones((3, 3), np.int32)
    image = np.stack([np.full((3, 3), 2), np.full((3, 3), 5)], axis=-1).astype(np.uint8)
    named = measure_frame(labels, image, channels=("phase", "nuclei"), pixel_size_um=2.0)
    assert named.loc[0, "mean_intensity_nuclei"] == 5
    assert named.loc[0, "bright_y_nuclei_um"] == 2.0
    assert measure_frame(labels, image).loc[0, "mean_intensity_c1"] == 5
    assert "mean_intensity" in measure_frame(labels, image[..., :1])


def test_neighbours_and_border() -> None:
    labels = np.zeros((30, 60), np.int32)
    labels[5:10, 5:10] = 1
    labels[5:10, 10:15] = 2  # beside 1
    labels[10:15, 15:20] = 3  # touches 2 by a corner
    labels[5:10, 50:55] = 4  # alone
    labels[29, 30] = 5  # on the border
    table = measure_frame(labels, nearby_px=11.5).set_index("label")
    assert table["touching_count"].to_dict() == {1: 1, 2: 2, 3: 1, 4: 0, 5: 0}
    assert table["nearby_count"].to_dict() == {1: 2, 2: 2, 3: 2, 4: 0, 5: 0}
    assert table.loc[1, "nearest_px"] == 5.0
    assert table["touches_border"].to_dict() == {1: False, 2: False, 3: False, 4: False, 5: True}


def test_no_cells_give_the_same_columns_and_types() -> None:
    labels = np.zeros((10, 10), np.int32)
    image = np.zeros((10, 10, 2), np.uint16)
    empty = measure_frame(labels, image, pixel_size_um=0.5)
    labels[3:5, 3:6] = 9
    full = measure_frame(labels, image, pixel_size_um=0.5)
    assert len(empty) == 0
    assert len(full) == 1
    assert_frame_equal(empty.dtypes.to_frame(), full.dtypes.to_frame())
    joined = pd.concat([empty, full], ignore_index=True)
    assert_frame_equal(joined, full)


def test_sparse_and_large_labels() -> None:
    labels = ragged_cells(count=20, side=60, seed=1)
    names = np.append(0, 65_530 + 997_331 * np.arange(1, labels.max() + 1)).astype(np.int64)
    plain, renamed = measure_frame(labels), measure_frame(names[labels])
    assert renamed["label"].tolist() == names[plain["label"]].tolist()
    assert_frame_equal(plain.drop(columns="label"), renamed.drop(columns="label"))
    top = np.array([[2**31 - 1, 2**31 - 2]])
    assert measure_frame(top)["touching_count"].tolist() == [1, 1]


def test_whole_and_narrow_images() -> None:
    for shape in ((1, 1), (1, 7), (7, 1), (5, 5)):
        table = measure_frame(np.ones(shape, np.int32))
        assert table["area_px"].tolist() == [shape[0] * shape[1]]
        assert table["solidity"].tolist() == [1.0]
    assert len(measure_frame(np.zeros((0, 4), np.int32))) == 0
    assert len(measure_frame(np.ones((3, 3), bool))) == 1


def test_sixty_thousand_cells() -> None:
    blocks = np.arange(1, 60_001, dtype=np.int32).reshape(200, 300)
    labels = np.kron(blocks, np.pad(np.ones((4, 4), np.int32), ((0, 1), (0, 1))))
    table = measure_frame(labels, labels)
    assert len(table) == 60_000
    assert (table["area_px"] == 16).all()
    assert (table["mean_intensity"] == table["label"]).all()


def test_nothing_given_is_changed() -> None:
    labels, image = ragged_cells(count=10, side=40, seed=2), np.zeros((40, 40), np.uint16)
    labels.flags.writeable = image.flags.writeable = False
    measure_frame(labels, image)


def test_errors() -> None:
    good = np.ones((4, 4), np.int32)
    with pytest.raises(MeasureError, match=r"shape \(2, 4, 4\).*one plane"):
        measure_frame(np.stack([good, good]))
    with pytest.raises(MeasureError, match="float64; they must be whole numbers"):
        measure_frame(good * 0.5)  # type: ignore[arg-type]
    with pytest.raises(MeasureError, match="hold -1"):
        measure_frame(-good)
    with pytest.raises(MeasureError, match="hold 1 to 4294967296"):
        measure_frame(np.array([[1, 2**32]]))
    with pytest.raises(MeasureError, match=r"image has shape \(4, 5\)"):
        measure_frame(good, np.zeros((4, 5)))
    with pytest.raises(MeasureError, match="pixels must be real numbers"):
        measure_frame(good, np.zeros((4, 4), complex))
    with pytest.raises(MeasureError, match=r"1 channel names were given \(a, a\).*with 2"):
        measure_frame(good, np.zeros((4, 4, 2)), channels=("a", "a"))
    with pytest.raises(MeasureError, match="pixel size is -1"):
        measure_frame(good, pixel_size_um=-1)
