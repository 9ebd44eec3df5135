"""From the cells of every frame to tracks: drift, links, gaps, divisions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.track.candidates import Overlaps, frame_labels, mask_overlaps
from softlight.track.choose import best_events
from softlight.track.costs import Costs
from softlight.track.detections import Detections, detections
from softlight.track.divisions import division_events, families
from softlight.track.drift import drift_table, field_shifts
from softlight.track.events import Events, all_events
from softlight.track.gaps import gap_events, gap_pairs
from softlight.track.learn import learn_costs
from softlight.track.link import Links, link_frames
from softlight.track.merges import Merges, find_merges, merge_table, no_merges
from softlight.track.motion import Motion, motion
from softlight.track.notes import notes_of
from softlight.track.numbering import numbered, numbered_by
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tracked:
    """Tracks and what was found out on the way.

    Attributes:
        objects: the caller's table with ``track_id``, rows in the same order.
        tracks: ``track_id``, ``parent_id`` (0 = none), ``first_frame``, ``last_frame``.
        drift: ``frame``, ``dy_px``, ``dx_px``: where the field lies against the first frame.
        merges: ``frame``, ``label``, ``labels_before``: masks that cover several cells of the frame
            before; empty where no label images were given.
        notes: what a careful person would say about it.
        learned: the scales and rates that the movie was linked with.
    """

    objects: pd.DataFrame
    tracks: pd.DataFrame
    drift: pd.DataFrame
    merges: pd.DataFrame
    notes: tuple[str, ...] = ()
    learned: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What is known of a movie before its cells are linked.

    Attributes:
        moving: its cells, in the order of frames, where they are with the field's shift undone.
        shift: (F, 2) where the field lies in each frame that holds cells.
        costs: what a link, an end and a beginning are worth.
        overlaps: of the masks; None where no label images were given.
        merges: masks that cover several cells.
    """

    moving: Motion
    shift: Floats
    costs: Costs
    overlaps: Overlaps | None
    merges: Merges


# Another program's links: (E, 2) positions of cells in ``Prepared.moving.cells``, earlier first.
Linker = Callable[[Prepared, LinkSettings], Ints]


def track_cells(
    objects: pd.DataFrame,
    *,
    labels: Sequence[NDArray[np.int32]] | None = None,
    settings: LinkSettings | None = None,
    missing: Collection[int] = (),
    progress: Callable[[int, int], None] | None = None,
    linker: Linker | None = None,
) -> Tracked:
    """The objects with their tracks.

    Args:
        objects: one row a cell and frame: ``frame``, ``label``, ``y_px``, ``x_px``, and where known
            ``area_px`` and ``mean_intensity``.
        labels: the label image of each frame; then the overlap of masks helps to link.
        settings: how cells are linked.
        missing: frames that nobody has, so that no note calls them empty.
        progress: told (frames done, frames in all).
        linker: links the cells in place of Softlight.
    """
    settings = settings or LinkSettings()
    known = prepare(objects, labels=labels, settings=settings)
    cells, costs = known.moving.cells, known.costs
    extra: tuple[str, ...] = ()
    if linker is None:
        links = link_frames(
            known.moving,
            costs,
            overlaps=known.overlaps,
            settings=settings,
            aside=known.merges.brief if settings.max_gap_frames else None,
            progress=progress,
        )
        events, costs = _events(known.moving, costs, links, known.overlaps, known.merges, settings)
        table, tracks = numbered(objects, cells, links, events)
    else:
        table, tracks, extra = numbered_by(objects, cells, linker(known, settings))
    hidden = merge_table(cells, known.merges)
    last = int(cells.frames[-1]) + 1 if len(cells) else 0
    notes = notes_of(
        cells,
        costs,
        known.shift,
        frames=last if labels is None else len(labels),
        merges=hidden,
        missing=missing,
    )
    return Tracked(
        objects=table,
        tracks=tracks,
        drift=drift_table(cells, known.shift),
        merges=hidden,
        notes=notes + extra,
        learned=_learned(costs),
    )


def prepare(
    objects: pd.DataFrame,
    *,
    labels: Sequence[NDArray[np.int32]] | None,
    settings: LinkSettings,
) -> Prepared:
    """Cells, drift, overlaps and learned scales, the arguments as of ``track_cells``."""
    cells = detections(objects)
    shape = _shape(cells, labels)
    shift = np.zeros((len(cells.frames), 2))
    if settings.drift and len(cells):
        side = min(shape) if shape else float(np.ptp(cells.places, axis=0).min())
        shift = field_shifts(cells, side_px=side)
    places = cells.places - np.repeat(shift, np.diff(cells.starts), axis=0)
    overlaps = None
    if labels is not None and settings.overlap and len(cells):
        overlaps = mask_overlaps(cells, labels, shift)
    costs = learn_costs(cells, places, overlaps=overlaps, shape=shape, settings=settings)
    moving = motion(cells, places)
    merges = no_merges(len(cells)) if overlaps is None else find_merges(overlaps)
    return Prepared(moving, shift, costs, overlaps, merges)


def _shape(cells: Detections, labels: Sequence[NDArray[np.int32]] | None) -> tuple[int, int] | None:
    if labels is None or not len(cells):
        return None
    height, width = frame_labels(labels, int(cells.frames[0])).shape
    return height, width


def _events(
    moving: Motion,
    costs: Costs,
    links: Links,
    overlaps: Overlaps | None,
    merges: Merges,
    settings: LinkSettings,
) -> tuple[Events, Costs]:
    """Gaps and divisions of the whole movie, chosen twice: the first time teaches their rates."""
    merged = merges.lately(links, settings.max_gap_frames)
    gaps = gap_pairs(moving, costs, links, settings=settings)
    some = families(moving, costs, links, settings=settings) if settings.divisions else None
    for last in (False, True):
        events = gap_events(moving, costs, gaps, merges=merges)
        if some is not None:
            divisions = division_events(
                moving, costs, links, some, overlaps=overlaps, merged=merged
            )
            events = all_events([events, divisions])
        events = events.take(best_events(events))
        if not last:
            costs = _with_rates(costs, moving.cells, events)
    return events, costs


def _with_rates(costs: Costs, cells: Detections, events: Events) -> Costs:
    """The costs with the rates of what was found, between bounds."""
    count = len(cells) + 200
    miss = (float(events.missed.sum()) + 200 * costs.p_miss) / count
    divide = (float(events.divides.sum()) + 200 * costs.p_divide) / count
    return replace(
        costs,
        p_miss=float(np.clip(miss, 0.003, 0.1)),
        p_divide=float(np.clip(divide, 0.001, 0.05)),
    )


def _learned(costs: Costs) -> dict[str, float]:
    return {
        "step_px": costs.step_px,
        "tail": costs.tail,
        "steady_px": costs.steady_px,
        "persistence": costs.persistence,
        "growth": costs.growth,
        "p_end": costs.p_end,
        "p_miss": costs.p_miss,
        "p_divide": costs.p_divide,
    }
