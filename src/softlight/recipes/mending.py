"""What is told of cells that a repair would mend, where none was wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from softlight.data.samples import counted
from softlight.track.movie import Tracked
from softlight.track.repair import repair


def not_mended(name: str, labels: Sequence[NDArray[np.int32]], tracked: Tracked) -> list[str]:
    """A warning of the cells that seem merged or split in one frame only; none, if none do."""
    edits = repair(labels, tracked).edits
    if edits.empty:
        return []
    split = int((edits["kind"] == "split").sum())
    kinds = [
        f"{counted(number, 'cell')} {what}"
        for number, what in ((len(edits) - split, "merged"), (split, "split"))
        if number
    ]
    return [
        f"{' and '.join(kinds)} in one frame only of {name}, the first in frame "
        f"{int(edits['frame'].min())}: tracks break there, and divisions may be false. Look, and "
        "leave out --no-repair to have them mended."
    ]
