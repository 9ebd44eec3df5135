"""Trackers of others: what they are asked, and what becomes of their answer (stand-ins answer)."""

import sys
from itertools import combinations
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import tifffile

from softlight.config import ConfigError
from softlight.io.labels import write_labels
from softlight.recipes.track_folder import track_folder
from softlight.recipes.trackers import Other
from softlight.track.settings import LinkSettings

Link = tuple[int, int]


def same(one: Link, two: Link) -> bool:
    """Whether two links begin in one cell."""
    return one[0] == two[0]


class Graph:
    def __init__(self, frame_attribute: str) -> None:
        self.frame_attribute = frame_attribute
        self.nodes: dict[int, dict[str, Any]] = {}
        self.edges: dict[tuple[int, int], dict[str, Any]] = {}

    def add_node(self, node: int, facts: dict[str, Any]) -> None:
        self.nodes[node] = facts

    def add_edge(self, edge: tuple[int, int], facts: dict[str, Any]) -> None:
        assert self.nodes[edge[0]]["t"] < self.nodes[edge[1]]["t"]
        self.edges[edge] = facts


class Greedy:
    """Takes the cheapest divisions and links first."""

    asked: ClassVar[list["Greedy"]] = []

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.costs: dict[str, Any] = {}
        self.most: dict[str, int] = {}
        self.prices: dict[int, float] = {}
        edges = sorted(graph.edges)
        self.pairs = {pair: n for n, pair in enumerate(combinations(edges, 2)) if same(*pair)}
        Greedy.asked.append(self)

    def add_cost(self, cost: Any) -> None:
        self.costs[getattr(cost, "name", "split")] = cost
        if hasattr(cost, "apply"):
            cost.apply(self)

    def get_variables(self, kind: str) -> dict[tuple[Link, Link], int]:
        assert kind == "EdgeSplitPair"
        return self.pairs

    def add_variable_cost(self, index: int, value: float, weight: float) -> None:
        self.prices[index] = value * weight

    def add_constraint(self, constraint: SimpleNamespace) -> None:
        self.most[constraint.name] = constraint.most

    def solve(self) -> None:
        cost = {edge: facts["cost"] for edge, facts in self.graph.edges.items()}
        offers = [((edge,), value) for edge, value in cost.items()]
        for pair, index in self.pairs.items():
            if index in self.prices and self.most["children"] == 2:
                offers.append((pair, cost[pair[0]] + cost[pair[1]] + self.prices[index]))
        self.chosen: dict[Link, dict[str, Any]] = {}
        for edges, value in sorted(offers, key=lambda offer: offer[1]):
            begun = {end for edge in self.chosen for end in (("out", edge[0]), ("in", edge[1]))}
            taken = any(("out", edge[0]) in begun or ("in", edge[1]) in begun for edge in edges)
            if value < 0 and not taken:
                self.chosen |= {edge: {} for edge in edges}

    def get_selected_subgraph(self) -> SimpleNamespace:
        return SimpleNamespace(nodes=self.graph.nodes, edges=self.chosen)


@pytest.fixture
def motile(monkeypatch: pytest.MonkeyPatch) -> type[Greedy]:

    def named(name: str) -> Any:
        return lambda *most, **values: SimpleNamespace(
            name=name, most=most[0] if most else None, **values
        )

    held = {
        "": {"TrackGraph": Graph, "Solver": Greedy},
        ".costs": {
            "NodeSelectedCost": named("node"),
            "EdgeSelectedCost": named("edge"),
            "Weight": float,
        },
        ".constraints": {"MaxParents": named("parents"), "MaxChildren": named("children")},
        ".variables": {"EdgeSplitPair": "EdgeSplitPair"},
    }
    for name, things in held.items():
        module = ModuleType(f"motile{name}")
        module.__dict__.update(things)
        monkeypatch.setitem(sys.modules, f"motile{name}", module)
    monkeypatch.setattr(Greedy, "asked", [])
    return Greedy


class Trackastra:
    """Links labels of the same number; of label 3, to 4 and 5 as well."""

    asked: ClassVar[dict[str, Any]] = {}

    @classmethod
    def from_pretrained(cls, name: str, device: str) -> "Trackastra":
        cls.asked["name"] = name
        if name == "offline":
            raise OSError("no way to the network")
        return cls()

    def track(self, images: np.ndarray, masks: np.ndarray, mode: str) -> tuple[nx.DiGraph, None]:
        self.asked.update(images=images, masks=masks, mode=mode)
        graph = nx.DiGraph()
        for t in range(len(masks) - 1):
            for label in np.unique(masks[t])[1:].tolist():
                for later in np.unique(masks[t + 1])[1:].tolist():
                    if label == later or (label == 3 and later in (4, 5)):
                        graph.add_node((t, label), time=t, label=label)
                        graph.add_node((t + 1, later), time=t + 1, label=later)
                        graph.add_edge((t, label), (t + 1, later), weight=0.9)
        return graph, None


@pytest.fixture
def trackastra(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    package, module = ModuleType("trackastra"), ModuleType("trackastra.model")
    module.Trackastra = Trackastra  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trackastra", package)
    monkeypatch.setitem(sys.modules, "trackastra.model", module)
    monkeypatch.setattr(Trackastra, "asked", {})
    return Trackastra.asked


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Six walking cells; the third divides after frame 2, the sixth is missed in frame 3."""
    labels = np.zeros((6, 90, 120), np.int32)
    for t in range(6):
        for number, column in ((1, 10), (2, 60), (6, 100)):
            if (number, t) != (6, 3):
                labels[t, 10:20, column + t : column + 10 + t] = number
        if t < 3:
            labels[t, 50:64, 50 + t : 64 + t] = 3
        else:
            labels[t, 50 - t : 60 - t, 45 + t : 55 + t] = 4
            labels[t, 58 + t : 68 + t, 52 + t : 62 + t] = 5
    write_labels(tmp_path / "dish.tif", labels)
    tifffile.imwrite(
        tmp_path / "images.tif", (labels > 0).astype(np.uint8) * 90, photometric="minisblack"
    )
    return tmp_path / "dish.tif"


def run(movie: Path, other: Other, **options: Any) -> pd.DataFrame:
    before = len(list(movie.parent.glob("out*")))
    out = movie.parent / ("out" if not before else f"out{before}")
    found = track_folder(movie, out, other=other, mend=False, **options)
    assert len(found.tracked.objects) == len(pd.read_csv(out / "objects.csv"))
    return found.tracked.tracks


def test_motile_chooses_among_our_links(movie: Path, motile: type[Greedy]) -> None:
    tracks = run(movie, Other("motile"))
    rows = tracks.drop(columns="track_id").sort_values(["first_frame", "last_frame"])
    mother = tracks.loc[tracks["last_frame"] == 2, "track_id"].item()
    assert rows.to_numpy().tolist() == [
        [0, 0, 2],
        [0, 0, 5],
        [0, 0, 5],
        [0, 0, 5],
        [mother, 3, 5],
        [mother, 3, 5],
    ]
    (solver,) = motile.asked
    assert solver.costs["node"].constant <= -1000
    assert solver.costs["edge"].attribute == "cost"
    assert solver.most == {"parents": 1, "children": 2}
    assert '"tracker": "motile"' in (movie.parent / "out" / "run.json").read_text()


def test_motile_without_divisions_and_gaps(movie: Path, motile: type[Greedy]) -> None:
    settings = LinkSettings(divisions=False, max_gap_frames=0)
    tracks = run(movie, Other("motile"), settings=settings)
    assert (tracks["parent_id"] == 0).all()
    assert "split" not in motile.asked[0].costs
    assert motile.asked[0].most["children"] == 1
    assert (tracks["first_frame"] == 4).sum() == 1  # the cell that was missed


def test_motile_has_nothing_to_choose_in_one_frame(tmp_path: Path, motile: type[Greedy]) -> None:
    labels = np.zeros((1, 30, 30), np.int32)
    labels[0, 5:9, 5:9] = 1
    write_labels(tmp_path / "one.tif", labels)
    assert len(run(tmp_path / "one.tif", Other("motile"))) == 1
    assert motile.asked == []


def test_trackastra_sees_images_and_masks(movie: Path, trackastra: dict[str, Any]) -> None:
    tracks = run(movie, Other("trackastra", movie.parent / "images.tif"))
    assert trackastra["name"] == "general_2d"
    assert trackastra["mode"] == "greedy"
    np.testing.assert_array_equal(trackastra["masks"] > 0, trackastra["images"] > 0)
    born = tracks[tracks["parent_id"] > 0]
    assert born["first_frame"].tolist() == [3, 3]
    assert born["parent_id"].nunique() == 1
    assert len(tracks) == 7  # 1, 2, 3, its daughters, and 6 before and after it was missed
    run(
        movie,
        Other("trackastra", movie.parent / "images.tif"),
        settings=LinkSettings(divisions=False),
    )
    assert trackastra["mode"] == "greedy_nodiv"


def test_what_trackastra_lacks_is_told(
    movie: Path, trackastra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"looks at the images; give them too \(--images\)"):
        run(movie, Other("trackastra"))
    short = movie.parent / "short.tif"
    tifffile.imwrite(short, np.zeros((5, 90, 120), np.uint8), photometric="minisblack")
    with pytest.raises(ConfigError, match=r"short.tif has 5 frames and the labels 6"):
        run(movie, Other("trackastra", short))
    tifffile.imwrite(short, np.zeros((6, 90, 121), np.uint8), photometric="minisblack")
    with pytest.raises(ConfigError, match=r"images are \(6, 90, 121\) and the labels \(6, 90, 12"):
        run(movie, Other("trackastra", short))
    monkeypatch.setattr("softlight.recipes.trackers.TRACKASTRA_MODEL", "offline")
    with pytest.raises(ConfigError, match="could not get its network 'offline'"):
        run(movie, Other("trackastra", movie.parent / "images.tif"))


@pytest.mark.parametrize("name", ["motile", "trackastra"])
def test_a_tracker_that_is_not_installed(
    movie: Path, name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"{name} is not installed .*softlight\[{name}\]"):
        run(movie, Other(name))
    assert not (movie.parent / "out").exists()
