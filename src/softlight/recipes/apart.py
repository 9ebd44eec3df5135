"""Results stay apart from what is read, so that neither is taken for the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def keep_apart(read: Iterable[Path], out: Path, *, whole: Iterable[Path] = ()) -> None:
    """Raise, before anything is written, if results would mix with what is read.

    A folder inside one whose images alone are read is no harm: those are not looked for below.

    Args:
        read: files and folders that are read; none may be the folder of the results or lie in it,
            for files there are replaced.
        out: the folder of the results.
        whole: folders of which all that lies below is read; the results may not lie in one, for
            they would be read the next time.
    """
    place = out.resolve()
    inside = next((path for path in read if path.resolve().is_relative_to(place)), None)
    if inside is not None:
        raise ValueError(
            f"{inside} lies in {out}, where the results would mix with it; give --out another "
            "folder."
        )
    around = next((path for path in whole if place.is_relative_to(path.resolve())), None)
    if around is not None:
        raise ValueError(
            f"{out} lies in {around}, all of which is read, and the results would be read with it; "
            "give --out a folder outside."
        )


def keep_beside(read: Iterable[Path], out: Path) -> None:
    """Raise, before anything is written, if results would lie in one of these folders themselves.

    For results of other names than all that is read: a folder of their own below does no harm.
    """
    same = next((path for path in read if path.resolve() == out.resolve()), None)
    if same is not None:
        raise ValueError(
            f"{out} is read, and the results would mix with it; give --out another folder."
        )
