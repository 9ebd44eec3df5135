"""Which inputs are which movie: files, folders of frames, and names that tell the time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import median

from softlight.data.samples import counted
from softlight.io.folder import frame_numbers, natural_key
from softlight.io.images import ImageError, Movie, find_images, open_frames, open_movie
from softlight.recipes.segment import Reading, output_names

# Days, hours and minutes since the start, or on a calendar, as incubator microscopes name frames.
_ELAPSED = re.compile(r"(?P<d>\d{2})d(?P<h>\d{2})h(?P<m>\d{2})m")
_CALENDAR = re.compile(r"(?P<y>\d{4})y(?P<mo>\d{2})m(?P<d>\d{2})d_?(?P<h>\d{2})h(?P<m>\d{2})m")
_FRAME = re.compile(r"(?:(?<=[^A-Za-z0-9])|^)(?:t|frame|time)[_-]?(?P<n>\d+)(?![A-Za-z0-9])", re.I)
_WELL = re.compile(r"[A-Pa-p](?:0?[1-9]|1\d|2[0-4])")
_UNEVEN = 0.1  # of a step that a frame may come early or late
_STAMP_MIN = 1.0  # names tell whole minutes, so that a step is told up to one too long or short
_MOST_MISSING = 10  # times as many as there are; more, and the numbers are no clock


@dataclass(frozen=True, kw_only=True)
class Position:
    """One field of view: a file, or the files of its frames in the order of time.

    Attributes:
        name: no two positions have the same; labels and tables are called by it.
        files: what it is read from; None where a frame is missing between others.
        interval_min: what the names say, None where they do not.
        start_min: time of the first frame on the clock of the names, 0 where there is none.
        uneven_min: time from the first frame to the last where the names tell no even steps: nan
            where they tell no minutes either; None where the steps are even.
        frames: whether each file is one frame; else the one file is a movie.
        notes: how the files were put together.
    """

    name: str
    files: tuple[Path | None, ...]
    interval_min: float | None = None
    start_min: float = 0.0
    uneven_min: float | None = None
    frames: bool = False
    notes: tuple[str, ...] = ()

    @property
    def there(self) -> tuple[Path, ...]:
        """The files that exist."""
        return tuple(file for file in self.files if file is not None)

    def doubts(self, reading: Reading) -> list[str]:
        """What ``reading`` says against the names of the files."""
        told, said, steps = self.interval_min, reading.interval_min, len(self.files) - 1
        if self.uneven_min is not None:
            return self._of_uneven(self.uneven_min, said, steps)
        if told is None or said is None:
            return []
        if math.isclose(told, said, rel_tol=0.01, abs_tol=_STAMP_MIN / steps):
            return []
        return [
            f"The names of {self.name} say {told:g} min between frames, and {said:g} min was "
            f"given: all times, speeds and rates are those of {said:g} min."
        ]

    def _of_uneven(self, span: float, said: float | None, steps: int) -> list[str]:
        """What is told of times without a rhythm; nothing if the given interval fills them."""
        if said is None:
            return [
                f"The frames of {self.name} are not evenly spaced in time; they were taken as "
                "consecutive, so its speeds and growth rates are not to be trusted."
            ]
        if math.isnan(span) or math.isclose(said * steps, span, rel_tol=_UNEVEN):
            return []
        return [
            f"By their names the frames of {self.name} span {span:g} min, and {steps} steps of the "
            f"{said:g} min that were given make {said * steps:g}: all times, speeds and rates are "
            f"those of {said:g} min."
        ]

    def open(self, reading: Reading) -> Movie:
        """The movie; what ``reading`` says goes before what names and files say."""
        interval = reading.interval_min or self.interval_min
        if self.frames:
            return open_frames(
                self.files,
                name=self.name,
                pixel_size_um=reading.pixel_size_um,
                interval_min=interval,
                channel=reading.channel,
            )
        return open_movie(
            self.there[0],
            axes=reading.axes,
            pixel_size_um=reading.pixel_size_um,
            interval_min=interval,
            channel=reading.channel,
        )


def find_positions(inputs: Iterable[Path | str], *, separate: bool = False) -> list[Position]:
    """The positions in these files and folders, in the order in which they were given.

    Files of one folder whose names differ in their time alone are the frames of one movie. Times
    are read as ``00d04h00m``, as ``2024y05m31d_14h00m``, or as a frame number behind ``t``,
    ``frame`` or ``time``. Plainly numbered files are one movie if they are all that the folder
    holds, unless they are called by wells. Every other file is a position of its own, as are all
    if ``separate``. A folder that holds only folders stands for them.
    """
    found: list[Position] = []
    for folder, files in _by_folder(inputs):
        found += [_alone(file) for file in files] if separate else _grouped(folder, files)
    names = _unlike(found)
    return [replace(one, name=name) for one, name in zip(found, names, strict=True)]


def _by_folder(inputs: Iterable[Path | str]) -> list[tuple[Path, list[Path]]]:
    """The files of each folder, whether they were given by name or by the folder."""
    files = find_images([leaf for path in map(Path, inputs) for leaf in _leaves(path)])
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    return list(folders.items())


def searched_below(inputs: Iterable[Path | str]) -> list[Path]:
    """The folders among these that stand for the folders below them."""
    return [path for path in map(Path, inputs) if path.is_dir() and not _has_images(path)]


def _has_images(folder: Path) -> bool:
    try:
        find_images([folder])
    except ImageError:
        return False
    return True


def _leaves(path: Path) -> list[Path]:
    """The path itself, or the folders below a folder that has no images of its own."""
    if not path.is_dir():
        return [path]
    if not _has_images(path):
        below = [one for one in path.iterdir() if one.is_dir() and not one.name.startswith(".")]
        if not below:
            find_images([path])  # says what is wrong
        return [leaf for one in sorted(below, key=natural_key) for leaf in _leaves(one)]
    return [path]


def _alone(file: Path) -> Position:
    name = file.name.removesuffix(file.suffix).removesuffix(".ome")
    return Position(name=name, files=(file,))


def _grouped(folder: Path, files: Sequence[Path]) -> list[Position]:
    """The positions among the files of one folder."""
    timed: dict[str, dict[Path, float]] = {}
    clock: dict[str, bool] = {}
    for file in files:
        key, time, is_clock = _name_and_time(file)
        if key is None and _is_one_movie(folder, files):
            key, time = folder.name, float(frame_numbers(files, folder)[files.index(file)])
        key = str(file) if key is None else (key or folder.name)
        timed.setdefault(key, {})[file] = time
        clock[key] = is_clock
    found: list[Position] = []
    for name, times in timed.items():
        if len(times) == 1 or _holds_many(next(iter(times))):
            found += [_alone(file) for file in times]
        else:
            found.append(_in_time(name, times, is_clock=clock[name]))
    return found


def _name_and_time(file: Path) -> tuple[str | None, float, bool]:
    """(the name without its time, the time in min or frames, whether it is in minutes)."""
    stem = file.name.removesuffix(file.suffix).removesuffix(".ome")
    for pattern in (_CALENDAR, _ELAPSED):
        match = pattern.search(stem)
        if match is not None:
            return _without(stem, match), _minutes(match), True
    match = _FRAME.search(stem)
    if match is not None:
        return _without(stem, match), float(match["n"]), False
    return None, 0.0, False


def _without(stem: str, match: re.Match[str]) -> str:
    before, after = stem[: match.start()].rstrip("_-. "), stem[match.end() :].strip("_-. ")
    return "_".join(part for part in (before, after) if part)


def _minutes(match: re.Match[str]) -> float:
    parts = {key: int(value) for key, value in match.groupdict().items()}
    days = parts["d"]
    if "y" in parts:
        days = _day_number(parts["y"], parts["mo"], parts["d"])
    return float(1440 * days + 60 * parts["h"] + parts["m"])


def _day_number(year: int, month: int, day: int) -> int:
    """Days since a fixed day; months beyond 12 and days beyond 31 are taken as they come."""
    try:
        return date(year, month, day).toordinal()
    except ValueError:
        raise ImageError(
            f"A file name tells the day {year}-{month:02}-{day:02}, which does not exist; rename "
            "the files, or analyse each by itself with --separate."
        ) from None


def _is_one_movie(folder: Path, files: Sequence[Path]) -> bool:
    """Whether plainly numbered files are frames: one number differs, and it is no well."""
    if len(files) < 3 or any(_WELL.fullmatch(file.stem) for file in files):
        return False
    try:
        frame_numbers(files, folder)
    except ImageError:
        return False
    return True


def _holds_many(file: Path) -> bool:
    """Whether the file is a movie by itself; one that cannot be opened is told of later."""
    try:
        return len(open_movie(file)) > 1
    except ImageError:
        return False


def _in_time(name: str, times: dict[Path, float], *, is_clock: bool) -> Position:
    """The files in the order of time, with None where the rhythm of the others misses one."""
    order = sorted(times, key=lambda file: (times[file], natural_key(file)))
    for one, two in pairwise(order):
        if times[one] == times[two]:
            raise ImageError(
                f"{one.name} and {two.name} tell the same time of {name}; keep one of them, or "
                "analyse each file by itself with --separate."
            )
    at, step = _rhythm([times[file] for file in order], stamp=_STAMP_MIN if is_clock else 0.0)
    notes = []
    files: list[Path | None] = [None] * (at[-1] + 1)
    for number, file in zip(at, order, strict=True):
        files[number] = file
    missing = [number for number, file in enumerate(files) if file is None]
    if missing:
        notes.append(
            f"{counted(len(missing), 'frame')} of {name} {'is' if len(missing) == 1 else 'are'} "
            f"missing ({_listed(missing)}, counted from 0): a gap in the tables, not without cells."
        )
    span = times[order[-1]] - times[order[0]] if is_clock else math.nan
    return Position(
        name=name,
        files=tuple(files),
        interval_min=step if is_clock else None,
        start_min=times[order[0]] if is_clock else 0.0,
        uneven_min=span if step is None else None,
        frames=True,
        notes=tuple(notes),
    )


def _rhythm(times: Sequence[float], *, stamp: float) -> tuple[list[int], float | None]:
    """(the number of each time in even steps, the step); None and 0, 1, 2 … where there is none.

    Args:
        times: of the frames, in order.
        stamp: by how much times are rounded.
    """
    steps = [two - one for one, two in pairwise(times)]
    shortest = min(steps)
    # One step is as short as rounding and a late frame make it; the middle of such steps is not.
    middle = median(step for step in steps if step < 1.5 * shortest + stamp)
    for unit, apart in ((shortest, 0.0), (middle, min(stamp, middle / 4))):
        whole = [max(1, round(step / unit)) for step in steps]
        mean = sum(steps) / sum(whole)
        off = max(abs(step - number * mean) for step, number in zip(steps, whole, strict=True))
        if off <= max(apart, _UNEVEN * mean) and sum(whole) <= _MOST_MISSING * len(times):
            return list(accumulate(whole, initial=0)), mean
    return list(range(len(times))), None


def _listed(numbers: Sequence[int], most: int = 5) -> str:
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


def _unlike(found: Sequence[Position]) -> list[str]:
    """Names no two of which are alike: with the folder, then a number, where they would be."""
    firsts = [(one.name, one.there[0]) for one in found]
    return output_names([first.parent / f"{name}{first.suffix}" for name, first in firsts])
