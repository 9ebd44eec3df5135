"""Units of doses and their powers of ten."""

import pandas as pd
import pytest

from softlight.measure.dose_units import in_one_unit, scale_of


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("M", ("mol/l", 0)),
        ("mM", ("mol/l", -3)),
        ("mm", ("mol/l", -3)),
        ("uM", ("mol/l", -6)),
        ("µM", ("mol/l", -6)),
        ("μM ", ("mol/l", -6)),
        ("nM", ("mol/l", -9)),
        ("nmol/L", ("mol/l", -9)),
        ("pM", ("mol/l", -12)),
        ("g/l", ("g/l", 0)),
        ("mg/ml", ("g/l", 0)),
        ("µg/mL", ("g/l", -3)),
        ("ng/ml", ("g/l", -6)),
        ("ng/ul", ("g/l", -3)),
        ("%", ("%", 0)),
        ("Gy ", ("gy", 0)),
        ("", ("", 0)),
    ],
)
def test_scales(unit: str, scale: tuple[str, int]) -> None:
    assert scale_of(unit) == scale


def test_conversion_adds_no_noise_and_leaves_the_callers_table() -> None:
    table = pd.DataFrame(
        {"condition": "d", "dose": [0.3, 0.0, 0.0007, 1e-20], "unit": ["nM", "%", "uM", "M"]}
    )
    found = in_one_unit(table, name="p.csv")
    assert found["dose"].tolist() == [0.3, 0, 0.7, 1e-11]
    assert found["unit"].tolist() == ["nM"] * 4
    assert table["unit"].tolist() == ["nM", "%", "uM", "M"]
    still = pd.DataFrame({"condition": "d", "dose": [0.0, float("nan")], "unit": ["%", ""]})
    pd.testing.assert_frame_equal(in_one_unit(still, name="p.csv"), still)
