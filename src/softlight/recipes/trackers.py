"""Trackers of others in place of Softlight's own: what they are given, and their answer as links.

They are optional, and asked only when they are named. Each sees the labels as they are; drift,
measures, repair and tables stay those of Softlight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from softlight.config import ConfigError
from softlight.io.images import Movie, open_movie
from softlight.track.detections import Detections
from softlight.track.divisions import Families, division_events
from softlight.track.link import Links, pair_links
from softlight.track.movie import Linker, Prepared
from softlight.track.settings import LinkSettings

Ints = NDArray[np.int64]
Link = tuple[int, int]  # two cells, earlier first
Name = Literal["trackastra", "motile"]
MODULES: dict[Name, tuple[str, ...]] = {
    "trackastra": ("trackastra.model",),
    "motile": ("motile", "motile.costs", "motile.constraints", "motile.variables"),
}
TRACKASTRA_MODEL = "general_2d"
_TOO_MUCH = 1e3  # more than any link can gain


@dataclass(frozen=True)
class Other:
    """The tracker that is asked in place of Softlight's, and the images it looks at."""

    name: Name
    images: Path | None = None

    def images_for(self, labels: Sequence[NDArray[np.int32]]) -> LazyPictures | None:
        """The grey images of the labels, read when they are asked for; checked here."""
        _installed(self.name)
        if self.images is None:
            return None
        movie = open_movie(self.images)
        if len(movie) != len(labels):
            raise ConfigError(
                f"{self.images.name} has {len(movie)} frames and the labels {len(labels)}; they "
                "must be of one movie."
            )
        return LazyPictures(movie)


class LazyPictures(Sequence[NDArray[Any]]):
    """The frames of a movie as grey planes."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie

    def __len__(self) -> int:
        return len(self._movie)

    def __getitem__(self, index: Any) -> Any:
        return self._movie.grey(range(len(self))[index])


def linker_of(
    name: Name,
    *,
    labels: Sequence[NDArray[np.int32]],
    images: Sequence[NDArray[Any]] | None = None,
) -> Linker:
    """What ``track_cells`` is to link with.

    Args:
        name: of the tracker.
        labels: the label image of each frame.
        images: the grey image of each frame, which trackastra looks at.
    """
    modules = _installed(name)
    if name == "motile":
        return lambda known, settings: _by_motile(modules, known, settings)
    if images is None:
        raise ConfigError("trackastra looks at the images; give them too (--images).")
    return lambda known, settings: _by_trackastra(modules, known, settings, labels, images)


def _installed(name: Name) -> list[Any]:
    """The modules of a tracker that are used; a ConfigError where it is not installed."""
    try:
        return [import_module(module) for module in MODULES[name]]
    except ImportError as error:
        raise ConfigError(
            f"The tracker {name} is not installed ({error}); pip install 'softlight[{name}]', or "
            "leave --tracker out."
        ) from error


def _by_motile(modules: Sequence[Any], known: Prepared, how: LinkSettings) -> Ints:
    """The links that motile's whole-number program chooses, by what Softlight learned of them."""
    motile, costs, constraints, variables = modules
    cells = known.moving.cells
    links = _candidates(known, how)
    divisions = _divisions(known, links) if how.divisions else {}
    of_divisions = {link for pair in divisions for link in pair}
    links = {link: gain for link, gain in links.items() if gain > 0 or link in of_divisions}
    if not links:
        return np.empty((0, 2), np.int64)
    graph = motile.TrackGraph(frame_attribute="t")
    for number, frame in enumerate(cells.frame.tolist()):
        graph.add_node(number, {"t": frame})
    for link, gain in links.items():
        graph.add_edge(link, {"cost": -gain})
    solver = motile.Solver(graph)
    solver.add_cost(costs.NodeSelectedCost(constant=-_TOO_MUCH))
    solver.add_cost(costs.EdgeSelectedCost(weight=1.0, attribute="cost"))
    if how.divisions:
        solver.add_cost(_Splits(costs.Weight(1.0), variables.EdgeSplitPair, divisions))
    solver.add_constraint(constraints.MaxParents(1))
    solver.add_constraint(constraints.MaxChildren(2 if how.divisions else 1))
    solver.solve()
    return _pairs(solver.get_selected_subgraph().edges)


class _Splits:
    """What it costs motile to take both links of a pair from one cell: much, but for divisions."""

    def __init__(self, weight: Any, variable: Any, divisions: Mapping[tuple[Link, Link], float]):
        self.weight, self._variable, self._divisions = weight, variable, divisions

    def apply(self, solver: Any) -> None:
        """Tell the solver."""
        for (one, two), index in solver.get_variables(self._variable).items():
            price = self._divisions.get((min(one, two), max(one, two)), _TOO_MUCH)
            solver.add_variable_cost(index, price, self.weight)


def _divisions(known: Prepared, links: Mapping[Link, float]) -> dict[tuple[Link, Link], float]:
    """Pairs of links that may be a division, and what turns their gains into that of a division."""
    daughters: dict[int, list[int]] = {}
    for mother, daughter in sorted(links):
        daughters.setdefault(mother, []).append(daughter)
    every = [
        (mother, *pair) for mother, some in daughters.items() for pair in combinations(some, 2)
    ]
    family = np.array(every, np.int64).reshape(-1, 3)
    count = len(known.moving.cells)
    nobody = np.full(count, -1, np.int64)
    events = division_events(
        known.moving,
        known.costs,
        Links(nobody, nobody, np.zeros(count)),
        Families(family[:, 0], family[:, 1], family[:, 2], np.ones(len(family), bool)),
        overlaps=known.overlaps,
        merged=np.zeros(count, bool),
    )
    columns = (events.source, events.first, events.second, events.gain)
    return {
        ((mother, first), (mother, second)): links[mother, first] + links[mother, second] - gain
        for mother, first, second, gain in zip(*(c.tolist() for c in columns), strict=True)
    }


def _candidates(known: Prepared, settings: LinkSettings) -> dict[Link, float]:
    """Pairs of cells that may be one, or mother and daughter, also over gaps, and their gains."""
    frames = known.moving.cells.frames.tolist()
    found: dict[Link, float] = {}
    for one, first in enumerate(frames):
        for two in range(one + 1, len(frames)):
            missed = frames[two] - first - 1
            if missed > settings.max_gap_frames:
                break
            source, target, gain = pair_links(
                known.moving,
                known.costs,
                one=known.moving.cells.at(one),
                two=known.moving.cells.at(two),
                overlaps=known.overlaps if two == one + 1 else None,
                settings=settings,
            )
            gain = gain + missed * np.log(known.costs.p_miss)
            some = (gain > 0) | (missed == 0)  # daughters are unlikely as the same cell
            pairs = zip(source[some].tolist(), target[some].tolist(), strict=True)
            found |= dict(zip(pairs, gain[some].tolist(), strict=True))
    return found


def _by_trackastra(
    modules: Sequence[Any],
    known: Prepared,
    settings: LinkSettings,
    labels: Sequence[NDArray[np.int32]],
    images: Sequence[NDArray[Any]],
) -> Ints:
    """The links that trackastra's network finds likeliest, taken greedily as it recommends."""
    masks = np.stack(list(labels))
    grey = np.stack([np.asarray(image, np.float32) for image in images])
    if grey.shape != masks.shape:
        raise ConfigError(
            f"The images are {grey.shape} and the labels {masks.shape} (frames, rows, columns); "
            "they must be of one movie."
        )
    try:
        model = modules[0].Trackastra.from_pretrained(TRACKASTRA_MODEL, device="automatic")
    except OSError as error:
        raise ConfigError(
            f"trackastra could not get its network {TRACKASTRA_MODEL!r} ({error}); it is "
            "downloaded once, so connect this machine, or copy trackastra's cache to it."
        ) from error
    mode = "greedy" if settings.divisions else "greedy_nodiv"
    answer = model.track(grey, masks, mode=mode)
    graph = answer[0] if isinstance(answer, tuple) else answer
    places = _places(known.moving.cells)
    numbers = {
        node: places[(int(facts["time"]), int(facts["label"]))]
        for node, facts in graph.nodes(data=True)
    }
    return _pairs((numbers[one], numbers[two]) for one, two in graph.edges())


def _places(cells: Detections) -> dict[tuple[int, int], int]:
    """The position of each cell by its frame and label."""
    keys = zip(cells.frame.tolist(), cells.label.tolist(), strict=True)
    return {key: number for number, key in enumerate(keys)}


def _pairs(edges: Iterable[tuple[int, int]]) -> Ints:
    return np.array(sorted(edges), np.int64).reshape(-1, 2)
