"""What may be set about an analysis: reading, cells, tracks, and what is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from softlight.recipes.divide import Options
from softlight.recipes.segment import Reading
from softlight.track.settings import LinkSettings


@dataclass(frozen=True, kw_only=True)
class AnalyzeSettings:
    """Everything that decides the numbers but the model.

    Attributes:
        reading: what the files do not say themselves.
        options: how foreground becomes labels, and which OME-Zarr is written.
        link: how cells are linked to tracks.
        repair: mend cells that are merged or split in one frame only, those of a model and those
            of given labels alike.
        separate: each file is a position; times in names are not read.
    """

    reading: Reading = field(default_factory=Reading)
    options: Options = field(default_factory=lambda: Options(ome_zarr="0.5"))
    link: LinkSettings = field(default_factory=LinkSettings)
    repair: bool = True
    separate: bool = False
