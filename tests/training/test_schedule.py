import pytest

from softlight.config import ScheduleConfig
from softlight.training.schedule import count_plateaus, learning_rate_factor


def factor(schedule: ScheduleConfig, **where: float) -> float:
    defaults = {"step": 1000, "epoch": 0, "fraction": 0.0, "plateaus": 0}
    return learning_rate_factor(schedule, **{**defaults, **where})  # type: ignore[arg-type]


def test_step_multiplies_every_so_many_epochs() -> None:
    schedule = ScheduleConfig(name="step", step_epochs=3, factor=0.1)
    assert factor(schedule, epoch=2) == 1
    assert factor(schedule, epoch=3) == pytest.approx(0.1)
    assert factor(schedule, epoch=7) == pytest.approx(0.01)


def test_cosine_ends_at_its_final_fraction() -> None:
    schedule = ScheduleConfig(name="cosine", final_fraction=0.2)
    assert factor(schedule, fraction=0) == pytest.approx(1)
    assert factor(schedule, fraction=0.5) == pytest.approx(0.6)
    assert factor(schedule, fraction=1) == pytest.approx(0.2)


def test_warm_up_rises_from_near_zero() -> None:
    schedule = ScheduleConfig(name="constant", warmup_steps=3)
    assert [factor(schedule, step=step) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


def test_plateaus_count_epochs_without_gain() -> None:
    assert count_plateaus([0.1, 0.2, 0.3], patience=2) == 0
    assert count_plateaus([0.3, 0.2, 0.3], patience=2) == 1  # equal is no gain
    assert count_plateaus([0.3, 0.2, 0.1, 0.2, 0.1], patience=2) == 2
    schedule = ScheduleConfig(name="plateau", factor=0.5)
    assert factor(schedule, plateaus=2) == 0.25
