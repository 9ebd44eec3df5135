import numpy as np
import pytest
from scipy import ndimage

from softlight.measure.errors import MeasureError
from softlight.measure.nested import SPECK_PX, classes_within, nested_objects


def test_nuclei_and_their_cells_by_hand() -> None:
    cells = np.zeros((8, 12), int)
    cells[:, :6] = 4  # 48 px
    cells[:, 6:11] = 9  # 40 px
    nuclei = np.zeros_like(cells)
    nuclei[1:4, 1:4] = 3  # 9 px in cell 4
    nuclei[5:7, 4:7] = 5  # 6 px: 4 in cell 4, 2 in cell 9
    nuclei[0:2, 5:7] = 8  # 2 px in each: in neither more than half
    nuclei[4:8, 11] = 11  # in no cell
    found = nested_objects(cells, nuclei, pixel_size_um=0.5)
    by_cell = found.cells.set_index("label")
    assert by_cell["nucleus_count"].to_dict() == {4: 2, 9: 0}
    assert by_cell["nucleus_area_px"].to_dict() == {4: 13, 9: 0}
    assert by_cell["nucleus_area_um2"].to_dict() == {4: 13 / 4, 9: 0}
    assert by_cell["nucleus_share"].to_dict() == {4: 13 / 48, 9: 0}
    inner = found.inner.set_index("label")
    assert inner["cell"].to_dict() == {3: 4, 5: 4, 8: 0, 11: 0}
    assert inner.loc[5, "inside"] == pytest.approx(4 / 6)
    assert np.isnan(inner.loc[8, "inside"])
    assert inner["area_um2"].tolist() == [9 / 4, 6 / 4, 1, 1]


def test_classes_in_cells_by_hand() -> None:
    cells = np.zeros((10, 20), int)
    cells[:, 1:10] = 2
    cells[:, 10:19] = 7
    classes = (cells > 0).astype(int)
    classes[2:5, 2:5] = 2  # 9 px in cell 2
    classes[2:5, 6:9] = 2  # 9 more
    classes[6:9, 8:13] = 2  # 3 x 2 in cell 2, 3 x 3 in cell 7
    classes[0, 0] = 2  # in no cell
    table = classes_within(cells, classes, {1: "cytoplasm", 2: "cell nucleus"}, pixel_size_um=2.0)
    table = table.set_index("label")
    assert table["cell_nucleus_area_px"].to_dict() == {2: 24, 7: 9}
    assert table["cell_nucleus_area_um2"].to_dict() == {2: 96, 7: 36}
    assert table["cell_nucleus_share"].to_dict() == {2: 24 / 90, 7: 0.1}
    assert table["cell_nucleus_count"].to_dict() == {2: 2, 7: 1}  # six pixels are a speck
    assert table["cytoplasm_area_px"].to_dict() == {2: 66, 7: 81}
    assert "cytoplasm_area_um2" in table


@pytest.mark.parametrize("seed", range(4))
def test_random_cells_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 5, (12, 12)).repeat(3, 0).repeat(3, 1) * 100
    classes = rng.integers(0, 3, (9, 9)).repeat(4, 0).repeat(4, 1)
    table = classes_within(cells, classes, {2: "spot"}).set_index("label")
    assert list(table.index) == [label for label in np.unique(cells) if label]
    for label, row in table.iterrows():
        inside = (cells == label) & (classes == 2)
        assert row["spot_area_px"] == inside.sum()
        assert row["spot_share"] == pytest.approx(inside.sum() / (cells == label).sum())
        whole = ndimage.label((cells > 0) & (classes == 2), np.ones((3, 3)))[0]
        sizes = [((whole == piece) & inside).sum() for piece in np.unique(whole[inside])]
        assert row["spot_count"] == sum(size >= SPECK_PX for size in sizes)


def test_without_cells_there_are_columns_but_no_rows() -> None:
    nothing = np.zeros((4, 4), int)
    table = classes_within(nothing, nothing, {1: "a"})
    assert table.empty
    assert list(table.columns) == ["label", "a_area_px", "a_share", "a_count"]
    found = nested_objects(nothing, nothing, name="spot")
    assert found.cells.empty
    assert found.inner.empty
    alone = nested_objects(nothing, np.eye(4, dtype=int))
    assert alone.inner["cell"].tolist() == [0]


def test_other_sizes_are_an_error() -> None:
    with pytest.raises(MeasureError, match=r"cells are \(4, 4\) and the inner objects \(3, 4\)"):
        nested_objects(np.ones((4, 4), int), np.ones((3, 4), int))
    with pytest.raises(MeasureError, match=r"cells are \(4, 4\) and the classes \(3, 4\)"):
        classes_within(np.ones((4, 4), int), np.ones((3, 4), int), {1: "a"})
