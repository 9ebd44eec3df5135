"""Images whose labels are classes: which values they may hold, what is ignored, where cells are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from softlight.data.samples import Annotated, DataError, Progress, Sample, counted, listed

MEMBRANE = "membrane"  # a class of this name parts cells, instead of being one
SHOWN_FILES = 8


def membrane_of(classes: Sequence[str]) -> int | None:
    """The value of the class that parts cells, the first with "membrane" in its name; else None."""
    return next((i for i, name in enumerate(classes) if MEMBRANE in name.lower()), None)


def are_values(classes: Sequence[str]) -> bool:
    """Whether a label's value is its class; else every label above 0 is a cell of its own."""
    return len(classes) > 2 or membrane_of(classes) is not None


def cell_pixels(values: npt.NDArray[np.integer], classes: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Where cells are (Y, X): all but the membrane where there is one, else all but class 0."""
    membrane = membrane_of(classes)
    inside: npt.NDArray[np.bool_] = values != (0 if membrane is None else membrane)
    return inside


def ignoring(sample: Sample, value: int | None) -> Sample:
    """The same sample, but pixels with this label are read as 0 and as not annotated."""
    if value is None:
        return sample

    def read() -> Annotated:
        annotated = sample.read()
        ignored = annotated.labels == value
        if not ignored.any():
            return annotated
        valid = ~ignored if annotated.valid is None else annotated.valid & ~ignored
        labels = np.where(ignored, 0, annotated.labels).astype(np.int32)
        return replace(annotated, labels=labels, valid=valid)

    return replace(sample, reader=read)


class ClassesHeld:
    """Which classes each image holds, each image read once, when it is first asked for.

    Args:
        classes: their names by value, background first.
        ignore_value: labels of it do not count.
    """

    def __init__(self, classes: Sequence[str], *, ignore_value: int | None = None) -> None:
        self.classes = tuple(classes)
        self._ignore = ignore_value
        self._values: dict[str, frozenset[int]] = {}

    def values(self, sample: Sample) -> frozenset[int]:
        """The label values of an image where it is annotated; cells count as 1."""
        if sample.name not in self._values:
            annotated = ignoring(sample, self._ignore).read()
            labels = annotated.labels
            known = labels if annotated.valid is None else labels[annotated.valid]
            values = {int(value) for value in np.unique(known)}
            if not are_values(self.classes):
                values = {min(value, 1) for value in values}
            self._values[sample.name] = frozenset(values)
        return self._values[sample.name]

    def check_values(self, samples: Sequence[Sample], progress: Progress | None = None) -> None:
        """Raise one DataError that names all images with a label outside of the classes."""
        if not are_values(self.classes):
            return
        wrong = {}
        for index, sample in enumerate(samples):
            outside = [value for value in self.values(sample) if value >= len(self.classes)]
            if outside:
                wrong[sample.name] = sorted(outside)
            if progress is not None:
                progress(index + 1, len(samples))
        if wrong:
            raise DataError(_outside(wrong, self.classes))

    def check_parts(self, parts: Sequence[tuple[str, Sequence[Sample]]]) -> None:
        """Raise unless each part holds each class.

        Args:
            parts: what is said of it before what it lacks, as "Fold 1 of 5 tests", and its samples.
        """
        for what, samples in parts:
            missing = set(range(len(self.classes)))
            for sample in samples:
                missing -= self.values(sample)
                if not missing:
                    break
            if missing:
                every = {s.name: s for _, others in parts for s in others}
                self._raise_missing(what, samples, min(missing), list(every.values()))

    def _raise_missing(
        self, what: str, samples: Sequence[Sample], value: int, every: Sequence[Sample]
    ) -> None:
        names = listed([sample.name for sample in samples], shown=SHOWN_FILES)
        holders = [sample.name for sample in every if value in self.values(sample)]
        where = (
            f"only {listed(holders, shown=SHOWN_FILES)} of {counted(len(every), 'image')} hold it"
            if holders
            else "no image holds it"
        )
        raise DataError(
            f"{what} no pixel of the class {self.classes[value]} (value {value}): the images are "
            f"{names}; {where}. Annotate it in more images, divide them another way, or leave "
            "the class out of the recipe."
        )


def _outside(wrong: dict[str, list[int]], classes: Sequence[str]) -> str:
    held = [
        f"{name} holds {', '.join(str(value) for value in values[:5])}"
        + (" and more" if len(values) > 5 else "")
        for name, values in wrong.items()
    ]
    named = ", ".join(f"{value} {name}" for value, name in enumerate(classes))
    return (
        f"Labels outside of the classes ({named}): {listed(held, shown=SHOWN_FILES)}. Correct "
        f"{'the label image' if len(held) == 1 else 'these label images'}, name more classes in "
        "the recipe, or leave a value out by data.ignore_value."
    )
