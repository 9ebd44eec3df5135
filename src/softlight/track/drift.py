"""Shifts of the whole field from frame to frame: a stage that drifts or jumps.

A shift is believed only where most cells agree on it and clearly more of them than on none, so that
few cells, or cells that each go their own way, leave the movie as it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from softlight.track.detections import Detections
from softlight.track.settings import TrackError

Floats = NDArray[np.float64]

FEWEST = 5  # cells that must agree
AGREEING = 0.5  # share of the cells that must
STILL = 0.7  # of the cells in their old places, and no jump is looked for
CLEARLY = 3.0  # standard errors by which a shift beats none
VOTERS = 300  # cells of a frame that vote, at most
VOTES_EACH = 300  # and the neighbours that each votes for
SAMPLED = 30  # frames that show how far cells usually go
LEAST_TOLERANCE_PX = 2.0
FARTHEST = 0.3  # of the field's smaller side
FEWEST_SMALL = 12  # cells that must agree on a small shift, as few may go together
SMALL = 5.0  # standard errors by which a small, common shift is there


def field_shifts(cells: Detections, *, side_px: float) -> Floats:
    """Where the field lies in each frame of ``cells.frames``, (F, 2), against the first.

    Args:
        cells: of the movie.
        side_px: the smaller side of the field; no jump is longer than a part of it.
    """
    total = np.zeros((len(cells.frames), 2))
    tolerance = _tolerance(cells)
    for number in range(1, len(cells.frames)):
        early = cells.places[cells.at(number - 1)]
        late = cells.places[cells.at(number)]
        step = shift_of_places(early, late, farthest_px=FARTHEST * side_px, tolerance_px=tolerance)
        total[number] = total[number - 1] + step
    return total


def _tolerance(cells: Detections) -> float:
    """How near a place must be to agree: twice a usual step, but less than half a neighbour."""
    steps, spacings = [], []
    numbers = np.linspace(1, max(len(cells.frames) - 1, 1), SAMPLED).round().astype(int)
    for number in np.unique(numbers[numbers < len(cells.frames)]):
        early, late = cells.places[cells.at(number - 1)], cells.places[cells.at(number)]
        if min(len(early), len(late)) >= FEWEST:
            distance, _ = cKDTree(late).query(early, k=[1])
            steps.append(float(np.median(distance)))
            spacings.append(float(np.median(cKDTree(late).query(late, k=[2])[0])))
    if not steps:
        return LEAST_TOLERANCE_PX
    return max(
        min(2 * float(np.median(steps)), 0.4 * float(np.median(spacings))), LEAST_TOLERANCE_PX
    )


def shift_of_places(
    early: Floats, late: Floats, *, farthest_px: float, tolerance_px: float = LEAST_TOLERANCE_PX
) -> Floats:
    """The (2,) shift that most cells share between two frames; zero where none is sure."""
    none = np.zeros(2)
    if min(len(early), len(late)) < FEWEST:
        return none
    voters = early[np.linspace(0, len(early) - 1, min(len(early), VOTERS)).round().astype(int)]
    tree = cKDTree(late)
    still, count = _agreeing(voters, tree, none, tolerance_px), len(voters)
    peak = none
    if still < STILL * count:
        crowd = np.prod(np.ptp(late, axis=0)) / len(late)  # square pixels for each cell
        farthest = min(farthest_px, float(np.sqrt(VOTES_EACH * crowd / np.pi)))
        found = _voted(voters, tree, late, farthest_px=farthest, bin_px=tolerance_px)
        moved = _agreeing(voters, tree, found, tolerance_px)
        if moved >= AGREEING * count and moved - still >= CLEARLY * np.sqrt(count) / 4:
            peak = found
    return _refined(voters, tree, late, start=peak, tolerance=tolerance_px)


def _voted(
    early: Floats, tree: cKDTree, late: Floats, *, farthest_px: float, bin_px: float
) -> Floats:
    """The displacement with the most votes of all pairs of cells."""
    groups = tree.query_ball_point(early, farthest_px)
    votes = [late[near] - place for place, near in zip(early, groups, strict=True) if near]
    if not votes:
        return np.zeros(2)
    all_votes = np.concatenate(votes)
    half = int(np.ceil(farthest_px / bin_px))
    side = 2 * half + 1
    cell = np.rint(all_votes / bin_px).astype(int) + half
    flat = np.bincount(cell[:, 0] * side + cell[:, 1], minlength=side * side)
    smooth = ndimage.uniform_filter(flat.reshape(side, side).astype(float), 3, mode="constant")
    row, column = np.unravel_index(int(smooth.argmax()), smooth.shape)
    centre = (np.array([row, column]) - half) * bin_px
    near = (np.abs(all_votes - centre) <= 1.5 * bin_px).all(1)
    return np.asarray(np.median(all_votes[near], axis=0))


def _agreeing(early: Floats, tree: cKDTree, shift: Floats, tolerance: float) -> int:
    """Of how many cells there is one at this shift, each late cell counted once."""
    distance, near = tree.query(early + shift, distance_upper_bound=tolerance)
    return len(np.unique(near[np.isfinite(distance)]))


def _refined(
    early: Floats, tree: cKDTree, late: Floats, *, start: Floats, tolerance: float
) -> Floats:
    """The shift with what is left of it in common, where that is beyond chance."""
    distance, near = tree.query(early + start, distance_upper_bound=tolerance)
    matched = np.isfinite(distance)
    if matched.sum() < FEWEST:
        return start
    rest = late[near[matched]] - early[matched] - start
    middle = np.median(rest, axis=0)
    spread = 1.4826 * np.median(np.abs(rest - middle), axis=0)
    error = 1.2533 * np.maximum(spread, 0.1) / np.sqrt(matched.sum())
    enough = matched.sum() >= FEWEST_SMALL
    if start.any() or (enough and (np.abs(middle) > SMALL * error).any()):
        return np.asarray(start + middle)
    return start


def image_shift(before: NDArray[np.generic], after: NDArray[np.generic]) -> tuple[float, float]:
    """The (dy, dx) by which what is in one image lies elsewhere in the next, in whole pixels.

    Phase correlation of the two, each tapered to its border, so that dirt on the glass and the
    texture of the background count as much as cells do.
    """
    if before.shape != after.shape or before.ndim != 2:
        raise TrackError(
            f"A shift is found between two images (Y, X) of one size, not {before.shape} and "
            f"{after.shape}."
        )
    one, two = (fft.rfft2(_tapered(image)) for image in (before, after))
    cross = two * np.conj(one)
    size = np.abs(cross)
    phase = np.divide(cross, size, out=np.zeros_like(cross), where=size > 1e-12)
    surface = ndimage.gaussian_filter(fft.irfft2(phase, s=before.shape), 1.0, mode="wrap")
    peak = np.unravel_index(int(surface.argmax()), surface.shape)
    dy, dx = (int(p) - n if p > n // 2 else int(p) for p, n in zip(peak, before.shape, strict=True))
    return float(dy), float(dx)


def _tapered(image: NDArray[np.generic]) -> Floats:
    values = image.astype(np.float64)
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in values.shape))
    return np.asarray((values - values.mean()) * window)


def drift_table(cells: Detections, shift: Floats) -> pd.DataFrame:
    """``frame``, ``dy_px``, ``dx_px``: where the field lies against the first frame."""
    return pd.DataFrame({"frame": cells.frames, "dy_px": shift[:, 0], "dx_px": shift[:, 1]})
