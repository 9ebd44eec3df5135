"""What a data set is: named samples, read when they are needed, and what to know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from softlight.io.coco_masks import CocoAnnotation

Progress = Callable[[int, int], None]  # (done, total)
SHOWN_PROBLEMS = 20


class DataError(ValueError):
    """The data set is not one, is incomplete, or cannot be split as asked."""


@dataclass(frozen=True)
class Annotated:
    """One image with what is known about its pixels."""

    image: npt.NDArray[Any]  # raw values (Y, X) or (Y, X, C)
    labels: npt.NDArray[np.int32]  # (Y, X), 0 = background
    valid: npt.NDArray[np.bool_] | None = None  # (Y, X), False where the annotation says nothing
    pixel_size_um: float | None = None
    outlines: tuple[CocoAnnotation, ...] | None = None  # before overlaps were decided, if so given


@dataclass(frozen=True)
class Sample:
    """One annotated image that is read on demand.

    Attributes:
        name: Unique within its data set.
        group: The well or movie; images of one group look alike, so splits keep them together.
        reader: Reads the files.
        tags: What is known besides: ``cell_type``, ``well``, ``site``, ``time_h``, ``frame``,
            ``annotation``, and of several data sets the ``set``.
    """

    name: str
    group: str
    reader: Callable[[], Annotated] = field(repr=False, compare=False)
    tags: dict[str, str] = field(default_factory=dict, hash=False)

    def read(self) -> Annotated:
        """The image and its annotation, read now."""
        return self.reader()


@dataclass(frozen=True)
class DataSet:
    """The samples of a folder, or of several, and what its user should know about them."""

    name: str
    kind: Literal["paired", "livecell", "ctc", "several"]
    source: Path  # of several, that of the first
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()  # the names of the sets, if it is made of several

    def __len__(self) -> int:
        return len(self.samples)


def listed(items: Sequence[str], *, shown: int = SHOWN_PROBLEMS) -> str:
    """The items joined by commas, the end of a long list as a count."""
    if len(items) <= shown:
        return ", ".join(items)
    return ", ".join(items[:shown]) + f" and {len(items) - shown} more"


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def raise_all(source: Path, problems: Sequence[str]) -> None:
    """Raise one DataError that tells every problem, if there is any."""
    if not problems:
        return
    shown = [f"  - {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"  - and {len(problems) - SHOWN_PROBLEMS} more")
    raise DataError(
        f"{source} has {counted(len(problems), 'problem')}; correct or remove these files:\n"
        + "\n".join(shown)
    )
