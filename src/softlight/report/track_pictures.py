"""Movies of cells in the colour of their track, with the way that each came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw

from softlight.report.blocks import Frame, Movie
from softlight.report.colours import CELL_COLOURS, Colour, Labels, neighbours_of
from softlight.report.figures import to_jpeg, to_png
from softlight.report.layers import AnyLabels, outline_layer
from softlight.report.view import AnyImage, PictureError, Pixels, View

_MOVIE_PX = 704
_TAIL_FRAMES = 3  # how far back the way of a cell is drawn
_QUALITY = 70


def movie_of_tracks(
    title: str,
    images: Sequence[AnyImage],
    labels: Sequence[AnyLabels],
    objects: pd.DataFrame,
    *,
    notes: Sequence[str] = (),
    caption: str = "",
    most_frames: int = 60,
    missing: Sequence[int] = (),
) -> Movie:
    """The frames with each cell outlined in the colour of its track, and a line where it came from.

    Longer movies are thinned to evenly spaced frames, first and last kept, and the caption says so.

    Args:
        title: The movie's name.
        images: Frames; may be lazy, only those shown are read.
        labels: The labels of each frame; may be lazy too.
        objects: One row a cell and frame: ``frame``, ``label``, ``track_id``, ``y_px``, ``x_px``.
        notes: What is said under each frame, by default its number.
        caption: Under the movie.
        most_frames: At most so many frames are kept on the page.
        missing: Frames that are not there, and left out.
    """
    there = np.setdiff1d(np.arange(len(images)), np.asarray(missing, int))
    if len(there) == 0 or len(labels) != len(images) or (notes and len(notes) != len(images)):
        raise PictureError(
            f"{title}: {len(there)} frames, {len(labels)} label images and {len(notes)} notes; "
            "give one label image, and one note or none, for each of at least one frame."
        )
    chosen = there[_evenly(len(there), most_frames)]
    view = View.fit(images[int(chosen[0])].shape, largest_px=_MOVIE_PX)
    shown: list[Labels] = [View(shrink=view.shrink).labels(labels[int(t)]) for t in chosen]
    track_of = [_tracks_of(objects, int(t)) for t in chosen]
    colours = colour_tracks(shown, track_of)
    frames = []
    size = (0, 0)
    for index, found, ids in zip(chosen, shown, track_of, strict=True):
        t = int(index)
        small = view.small(images[t])
        size = (small.shape[0], small.shape[1])
        by_label = {label: colours.get(track, 0) for label, track in ids.items()}
        layer = outline_layer(found, View(enlarge=view.enlarge), colours=by_label)
        layer = _with_tails(layer, objects, t, colours, view)
        note = notes[t] if notes else f"frame {t} of 0 to {len(images) - 1}"
        frames.append(Frame(to_jpeg(small, quality=_QUALITY), to_png(layer), note))
    if len(chosen) < len(there):
        caption = f"{caption} {len(chosen)} of {len(there)} frames are shown.".strip()
    return Movie(title, f"{title}, outlines coloured by track", frames, size, caption)


def _evenly(total: int, most: int) -> npt.NDArray[np.intp]:
    places: npt.NDArray[np.intp] = np.unique(
        np.linspace(0, total - 1, min(total, most)).round().astype(np.intp)
    )
    return places


def _tracks_of(objects: pd.DataFrame, frame: int) -> dict[int, int]:
    here = objects[objects["frame"] == frame]
    return dict(zip(here["label"].tolist(), here["track_id"].tolist(), strict=True))


def colour_tracks(frames: Sequence[Labels], track_of: Sequence[dict[int, int]]) -> dict[int, int]:
    """An index into `CELL_COLOURS` for each track, the same in all frames.

    Tracks take a colour that none of their neighbours has, in any frame, while there is one; then
    the one that fewest neighbours have.
    """
    beside: dict[int, dict[int, int]] = {}
    for labels, tracks in zip(frames, track_of, strict=True):
        for label, others in neighbours_of(labels).items():
            mine = beside.setdefault(tracks.get(label, 0), {})
            for other in others:
                track = tracks.get(other, 0)
                mine[track] = mine.get(track, 0) + 1
    colours: dict[int, int] = {}
    used = np.zeros(len(CELL_COLOURS))
    for track in sorted(beside, key=lambda one: (-len(beside[one]), one)):
        clashes = np.zeros(len(CELL_COLOURS))
        for other, often in beside[track].items():
            if other in colours and other != track:
                clashes[colours[other]] += often
        # Rarely used colours first; the last, which is close to the first, only in need.
        cost = clashes * 1e6 + used
        cost[-1] += 1e5
        colours[track] = int(np.argmin(cost))
        used[colours[track]] += 1
    return colours


def _with_tails(
    layer: Pixels, objects: pd.DataFrame, frame: int, colours: dict[int, int], view: View
) -> Pixels:
    """The layer with a line through the last places of each cell that is in this frame."""
    recent = objects[(objects["frame"] <= frame) & (objects["frame"] >= frame - _TAIL_FRAMES)]
    here = recent.loc[recent["frame"] == frame, "track_id"]
    recent = recent[recent["track_id"].isin(here)].sort_values(["track_id", "frame"])
    picture = Image.fromarray(layer)
    draw = ImageDraw.Draw(picture)
    scale = view.enlarge / view.shrink
    tracks = recent["track_id"].to_numpy()
    places = (recent[["x_px", "y_px"]].to_numpy(float) + 0.5) * scale
    for part in np.split(np.arange(len(tracks)), np.flatnonzero(np.diff(tracks)) + 1):
        if len(part) > 1:
            colour: Colour = CELL_COLOURS[colours.get(int(tracks[part[0]]), 0)]
            points = [(float(x), float(y)) for x, y in places[part]]
            draw.line(points, fill=(*colour, 170), width=view.line_px)
    return np.asarray(picture)
