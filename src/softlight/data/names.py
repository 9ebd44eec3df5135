"""What file names say: cell type, well, site and time of LIVECell; movie and frame of others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_NAME = re.compile(
    r"(?P<cell_type>[A-Za-z0-9]+)_Phase_(?P<well>[A-H](?:1[0-2]|[1-9]))_(?P<site>\d+)"
    r"_(?P<days>\d{2})d(?P<hours>\d{2})h(?P<minutes>\d{2})m(?:_(?P<crop>\d+))?"
)

_FRAME = re.compile(r"(?P<movie>.*?)[_\-. ]*(?:\b|_)(?:t|frame|time)[_-]?(?P<frame>\d+)", re.I)


@dataclass(frozen=True)
class LivecellName:
    """The parts of a LIVECell file name."""

    cell_type: str
    well: str
    site: int
    time_h: float  # since the experiment began
    crop: int | None  # quarter of the camera image

    @property
    def group(self) -> str:
        """The well: all its sites, times and crops show the same cells."""
        return f"{self.cell_type}_{self.well}"

    @property
    def tags(self) -> dict[str, str]:
        """The parts as text, for tables."""
        tags = {
            "cell_type": self.cell_type,
            "well": self.well,
            "site": str(self.site),
            "time_h": f"{self.time_h:g}",
        }
        return tags if self.crop is None else tags | {"crop": str(self.crop)}


def parse_livecell_name(name: str) -> LivecellName | None:
    """The parts of a name like ``A172_Phase_C7_1_00d20h00m_4.tif``, or None if it is not one."""
    stem = PurePosixPath(name).name
    for suffix in (".tif", ".tiff", ".png"):
        stem = stem.removesuffix(suffix)
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    hours = 24 * int(match["days"]) + int(match["hours"]) + int(match["minutes"]) / 60
    return LivecellName(
        cell_type=match["cell_type"],
        well=match["well"],
        site=int(match["site"]),
        time_h=hours,
        crop=None if match["crop"] is None else int(match["crop"]),
    )


def group_and_tags(stem: str, *, set_name: str) -> tuple[str, dict[str, str]]:
    """(the well or movie that the image belongs to, what else its name tells).

    ``A172_Phase_C7_1_00d20h00m_4`` is of a well, ``dish2_t017`` and ``dish2_frame17`` of a movie,
    a bare ``t017`` of the movie that the data set is; every other image is a group of its own.
    """
    parsed = parse_livecell_name(stem)
    if parsed is not None:
        return parsed.group, parsed.tags
    match = _FRAME.fullmatch(stem)
    if match is not None:
        return match["movie"] or set_name, {"frame": str(int(match["frame"]))}
    return stem, {}
