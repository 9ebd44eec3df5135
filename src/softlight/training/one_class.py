"""The empty-mask trap: a network that answers one class everywhere can look 93 % accurate."""

from __future__ import annotations

from typing import Literal

NEGLIGIBLE = 1e-3  # a predicted share below this part of the true one is as good as none
PATIENCE = 2  # validations in a row before it is called
WARM_UP = 0.1  # share of the run in which a network may still answer one class


def single_answer(measures: dict[str, float]) -> Literal["background", "cell"] | None:
    """The one class that is predicted everywhere though both occur; None if it is not so."""
    if "foreground" not in measures:  # the task knows no classes
        return None
    predicted, true = measures["foreground"], measures["foreground_true"]
    if true > 0 and predicted < NEGLIGIBLE * true:
        return "background"
    if true < 1 and 1 - predicted < NEGLIGIBLE * (1 - true):
        return "cell"
    return None


def explain(answer: str, measures: dict[str, float], *, step: int, restarts: bool) -> str:
    """What happened, with the class balance, and what is done or can be done about it."""
    true = measures["foreground_true"]
    share = true if answer == "background" else 1 - true
    other = "cell" if answer == "background" else "background"
    cure = (
        "Starting again with balanced class weights and a Tversky term."
        if restarts
        else "Train with --auto-balance, or name a loss with class weights in the recipe."
    )
    return (
        f"After {step} steps the network calls every pixel {answer}: only {share:.1%} of the "
        f"validation pixels are {other}, so that answer alone is {1 - share:.1%} accurate "
        f"(Dice {measures['dice']:.3f}). {cure}"
    )
