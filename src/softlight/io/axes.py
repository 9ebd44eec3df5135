"""Which plane of a file is which frame: axes stated by the file, guessed, or given by the user."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from softlight.io.errors import ImageError
from softlight.io.planes import UNKNOWN, Layout

_LETTERS = "TZCYX"
_FEW_CHANNELS = 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How frames are put together from planes."""

    axes: str  # as used, for the user
    note: str
    frames: int
    planes: tuple[tuple[int, ...], ...] | None  # of each frame; None: frame t is plane t
    stacked: bool  # the planes of a frame are its channels
    sample: int | None  # the one sample of each pixel to keep


def _shown(layout: Layout) -> str:
    return " × ".join(
        f"{size} {axis if axis != UNKNOWN else 'pages'}"
        for axis, size in zip(layout.axes, layout.sizes, strict=True)
    )


def _squeezed(layout: Layout) -> list[int]:
    """The positions of axes that a user sees: those before Y of more than one, Y, X and C."""
    inner = layout.axes.index("Y")
    return [at for at, size in enumerate(layout.sizes) if at >= inner or size > 1]


def _given(layout: Layout, axes: str, name: str) -> tuple[str, str]:
    """The full axes after the user's text, and the text itself."""
    axes = axes.upper()
    seen = _squeezed(layout)
    problem = ""
    if set(axes) - set(_LETTERS) or len(set(axes)) != len(axes):
        problem = "use each of T, Z, C, Y, X at most once"
    elif len(axes) not in (len(layout.axes), len(seen)):
        problem = f"give {len(seen)} letters"
    if not problem:
        where = range(len(layout.axes)) if len(axes) == len(layout.axes) else seen
        full = ["1"] * len(layout.axes)  # an axis of one that nobody names
        for at, letter in zip(where, axes, strict=True):
            full[at] = letter
        inner = layout.axes.index("Y")
        if full[inner:] != list(layout.axes[inner:]):
            problem = f"they must end in {layout.axes[inner:]}"
    if problem:
        raise ImageError(
            f"axes={axes!r} do not fit {name}, which holds {_shown(layout)}: {problem}."
        )
    return "".join(full), axes


def _guessed(layout: Layout, name: str) -> tuple[str, str]:
    """The full axes where the file leaves some open, and how they were guessed."""
    open_at = [
        at for at, axis in enumerate(layout.axes) if axis == UNKNOWN and layout.sizes[at] > 1
    ]
    full = list(layout.axes)
    if not open_at:
        return "".join(full).replace(UNKNOWN, "1"), layout.how
    if len(open_at) == 1 and "T" not in full:
        full[open_at[0]] = "T"
        pages = layout.sizes[open_at[0]]
        guess = f"the file does not say what its {pages} pages are, so they were taken as time"
    elif (
        len(open_at) == 2
        and layout.sizes[open_at[1]] <= _FEW_CHANNELS
        and not set("TC") & set(full)
    ):
        full[open_at[0]], full[open_at[1]] = "T", "C"
        guess = "the file does not say what its axes are, so they were taken as time and channel"
    else:
        raise ImageError(
            f"{name} holds {_shown(layout)} and does not say which is time; give axes=, "
            f"{len(_squeezed(layout))} letters out of T, Z, C, Y, X."
        )
    return "".join(full).replace(UNKNOWN, "1"), guess + "; give axes= if that is wrong"


def plan_frames(layout: Layout, *, name: str, axes: str | None, channel: int | None) -> Plan:
    """The frames of a file; an ImageError where the axes do not fit or Z is more than one."""
    if axes is None:
        full, how = _guessed(layout, name)
    else:
        full, text = _given(layout, axes, name)
        how = f"given as {text}"
    inner = full.index("Y")
    sizes = dict(zip(full[:inner], layout.sizes[:inner], strict=False))
    used = "".join(
        axis
        for at, axis in enumerate(full)
        if at >= inner or (axis != "1" and layout.sizes[at] > 1)
    )
    if sizes.get("Z", 1) > 1:
        raise ImageError(
            f"{name} has {sizes['Z']} Z slices ({_shown(layout)}), and frames must be flat: "
            "project or pick a slice first, or give axes= with T in the place of Z."
        )
    outer_channels, samples = (
        sizes.get("C", 1),
        layout.sizes[inner + 2] if "C" in full[inner:] else 1,
    )
    if outer_channels > 1 and samples > 1:
        raise ImageError(f"{name} holds channels of colour pixels; save each channel as grey.")
    _check_channel(channel, max(outer_channels, samples), name)
    frames = sizes.get("T", 1)
    chosen = range(outer_channels) if channel is None or samples > 1 else [channel]
    planes = None
    if outer_channels > 1:
        numbers = np.arange(math.prod(layout.sizes[:inner])).reshape(layout.sizes[:inner])
        order = [at for letter in "TC" for at in range(inner) if full[at] == letter]
        rest = [at for at in range(inner) if at not in order]
        table = numbers.transpose([*order, *rest]).reshape(frames, outer_channels)
        planes = tuple(tuple(int(row[at]) for at in chosen) for row in table)
    return Plan(
        axes=used,
        note=f"Axes {used}: {how}.",
        frames=frames,
        planes=planes,
        stacked=outer_channels > 1 and channel is None,
        sample=channel if samples > 1 else None,
    )


def _check_channel(channel: int | None, channels: int, name: str) -> None:
    if channel is not None and not 0 <= channel < channels:
        raise ImageError(
            f"channel={channel} is not in {name}, which has {channels} (0 to {channels - 1})."
        )
