"""Wells and conditions from names and plate maps, and the curves of conditions."""

from pathlib import Path

import numpy as np
import pytest

from softlight.measure.errors import MeasureError
from softlight.measure.plate import (
    WellName,
    interval_of,
    not_on_plate,
    parse_well_name,
    read_plate_map,
    wells_of,
)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("MCF7_Phase_H4_1_03d08h00m_4.tif", ("MCF7_Phase", "H4", 1, 80.0, 4)),
        ("VID123_B2_1_00d04h00m", ("VID123", "B2", 1, 4.0, None)),
        ("VID1_my cells_B12_3_01d00h30m.tif", ("VID1_my cells", "B12", 3, 24.5, None)),
        ("SHSY5Y_Phase_B10_1_2", ("SHSY5Y_Phase", "B10", 1, None, 2)),
        ("P24_2.ome.tif", ("", "P24", 2, None, None)),
        ("B02", ("", "B2", None, None, None)),
    ],
)
def test_names_with_wells(name: str, parts: tuple[str, str, int, float, int]) -> None:
    assert parse_well_name(name) == WellName(*parts)


@pytest.mark.parametrize("name", ["movie", "t001", "Q3_1", "B25", "B0", "sample_b2c", "01"])
def test_names_without_wells(name: str) -> None:
    assert parse_well_name(name) is None


def test_the_interval_of_even_times() -> None:
    assert interval_of([0, 8, 4, 4]) == 240
    assert interval_of([0, 4, 12]) is None
    assert interval_of([3]) is None


def test_a_real_growth_series(real_data: Path) -> None:
    names = [path.name for path in (real_data / "livecell" / "unlabelled").iterdir()]
    parsed = [parse_well_name(name) for name in names]
    assert None not in parsed
    series = [one for one in parsed if one is not None and one.well == "B10" and one.crop == 1]
    series = [one for one in series if one.experiment == "SHSY5Y_Phase"]
    assert len(series) == 22
    assert interval_of(one.time_h for one in series if one.time_h is not None) == 240


def test_plate_map(tmp_path: Path) -> None:
    (tmp_path / "plate.csv").write_text(
        "\ufeffWell,Condition,Dose,Unit,Medium\nB02,drug,0.5,uM,rich\nB3,drug,0.5,uM,rich\n"
        "c1,control,0,uM,rich\n,,,,\n",
        encoding="utf-8",
    )
    plate = read_plate_map(tmp_path / "plate.csv")
    assert plate["well"].tolist() == ["B2", "B3", "C1"]
    assert plate["dose"].tolist() == [0.5, 0.5, 0]
    assert plate["replicate"].tolist() == ["1", "2", "1"]
    assert plate["medium"].tolist() == ["rich"] * 3


def test_plate_map_as_spreadsheets_in_europe_write_it(tmp_path: Path) -> None:
    (tmp_path / "plate.csv").write_text("well;dose;replicate\nA1;0,25;a\nA2;;b\n")
    plate = read_plate_map(tmp_path / "plate.csv")
    np.testing.assert_array_equal(plate["dose"], [0.25, np.nan])
    assert plate["condition"].tolist() == ["", ""]
    assert plate["replicate"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"columns \(none\)"),
        ("place,condition\nA1,x\n", "columns place, condition; a plate map needs well"),
        ("well\nA1\n", "needs well and condition"),
        ("well,condition\nA1,x\nA01,y\n", "well A1 twice"),
        ("well,condition\n17,x\n", "plate.csv: '17' is no well"),
        ("experiment,well,dose\nP,A1,1\nP,A1,2\n", "well P A1 twice"),
        ("well,dose,Note,note\nA1,1,a,b\n", "the column note twice"),
        ("well,dose,unit\nA1,1,nM\nA2,1,ng/ml\n", "of one condition in 'nM' and in 'ng/ml'"),
        ("well,condition,dose,unit\nA1,x,1,nM\nA2,x,1,\n", "doses of x in 'nM' and in no unit"),
        ("well,dose\nA1,5 uM\n", "the dose '5 uM'"),
        ("well,dose\nA1,-1\n", "the dose '-1'"),
        ("well,dose\nA1,nan\n", "the dose 'nan'"),
    ],
)
def test_plate_map_errors(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "plate.csv").write_text(text)
    with pytest.raises(MeasureError, match=match):
        read_plate_map(tmp_path / "plate.csv")


def test_plate_maps_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="does not exist"):
        read_plate_map(tmp_path / "none.csv")
    (tmp_path / "plate.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(MeasureError, match="cannot be read as text"):
        read_plate_map(tmp_path / "plate.csv")
    (tmp_path / "plate.csv").write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(MeasureError, match="too large"):
        read_plate_map(tmp_path / "plate.csv")


def test_wells_of_names(tmp_path: Path) -> None:
    (tmp_path / "plate.csv").write_text("well,condition,dose\nB2,drug,1\n")
    wells = wells_of(["VID1_B2_1", "VID1_B3_1", "movie"], read_plate_map(tmp_path / "plate.csv"))
    assert wells["well"].tolist() == ["B2", "B3", ""]
    assert wells["condition"].tolist() == ["drug", "", ""]
    np.testing.assert_array_equal(wells["dose"], [1, np.nan, np.nan])
    assert wells["site"].tolist()[:2] == [1, 1]
    assert "condition" not in wells_of(["VID1_B2_1"])


def test_doses_of_a_condition_come_in_one_unit(tmp_path: Path) -> None:
    (tmp_path / "plate.csv").write_text(
        "well,condition,dose,unit\nA1,drug,0,\nA2,drug,30,nM\nA3,drug,1,uM\nA4,drug,0.003,µM\n"
        "A5,other,2,ng/ml\nA6,other,1,mg/L\nA7,heat,42,°C\nA8,none,,\n"
    )
    plate = read_plate_map(tmp_path / "plate.csv")
    assert plate["dose"].tolist()[:7] == [0, 30, 1000, 3, 2, 1000, 42]
    assert plate["unit"].tolist() == ["nM"] * 4 + ["ng/ml"] * 2 + ["°C", ""]


def test_a_map_may_tell_plates_apart(tmp_path: Path) -> None:
    (tmp_path / "plate.csv").write_text(
        "experiment,well,condition\nP1,A1,drug\nP2,A1,control\nP2,A2,control\n"
    )
    plate = read_plate_map(tmp_path / "plate.csv")
    names = ["P1_A1_1", "P2_A1_1", "P1_A2_1", "A1"]
    assert wells_of(names, plate)["condition"].tolist() == ["drug", "control", "", ""]
    assert wells_of(names)["experiment"].tolist() == ["P1", "P2", "P1", ""]
    assert not_on_plate(names, plate) == ["P1_A2_1", "A1"]
    assert not_on_plate(names, plate.drop(columns="experiment")[:1]) == ["P1_A2_1"]
    assert plate["replicate"].tolist() == ["1", "1", "2"]


def test_further_columns_never_replace_ours(tmp_path: Path) -> None:
    (tmp_path / "plate.csv").write_text("well,dose,movie,site,map_site,medium\nA1,1,m,s,t,rich\n")
    wells = wells_of(["A1_2"], read_plate_map(tmp_path / "plate.csv"))
    row = wells.iloc[0]
    assert (row["movie"], row["site"], row["medium"]) == ("A1_2", 2, "rich")
    assert (row["map_movie"], row["map_map_site"], row["map_site"]) == ("m", "s", "t")
