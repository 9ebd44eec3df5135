import numpy as np
import pytest
from tests.tracking_cases import table

from softlight.evaluate.track_graph import TrackingError, build_graph, check_tracks, rule_breaches

CELLS = [np.array(labels, np.int64) for labels in ([5], [5], [6, 7], [7], [6, 7])]
TRACKS = table([(5, 0, 1, 0), (6, 2, 4, 5), (7, 2, 4, 5)])


def test_tracks_without_gaps_and_their_mothers() -> None:
    graph = build_graph(CELLS, TRACKS)
    assert graph.track_id.tolist() == [5, 6, 6, 7]
    assert graph.first.tolist() == [0, 2, 4, 2]
    assert graph.last.tolist() == [1, 2, 4, 4]
    assert graph.parent.tolist() == [-1, 0, 1, 0]  # 6 was lost in frame 3: its rest is its child
    assert graph.children.tolist() == [2, 1, 0, 0]
    assert (graph.at(0, 1), graph.at(0, 2), graph.at(3, 3)) == (1, -1, 5)


def test_edges_say_whether_they_lead_to_another_track() -> None:
    graph = build_graph(CELLS, TRACKS)
    source, target, other = graph.edges()
    found = {
        (
            int(graph.frame[a]),
            int(graph.label[a]),
            int(graph.frame[b]),
            int(graph.label[b]),
            bool(c),
        )
        for a, b, c in zip(source, target, other, strict=True)
    }
    assert found == {
        (0, 5, 1, 5, False),
        (2, 7, 3, 7, False),
        (3, 7, 4, 7, False),
        (1, 5, 2, 6, True),
        (1, 5, 2, 7, True),
        (2, 6, 4, 6, True),
    }


def test_cells_keep_their_place() -> None:
    graph = build_graph(CELLS, TRACKS)
    given = [(at, int(label)) for at, labels in enumerate(CELLS) for label in labels]
    nodes = list(zip(graph.frame.tolist(), graph.label.tolist(), strict=True))
    assert [nodes[node] for node in graph.node] == given


def test_no_cell() -> None:
    graph = build_graph([np.empty(0, np.int64)] * 2, table([]))
    assert [len(part) for part in graph.edges()] == [0, 0, 0]
    check_tracks([np.empty(0, np.int64)] * 2, table([]), what="truth")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(5, 0, 1, 0), (6, 2, 4, 5)], "truth has the label 7 in frame 2, but no such track"),
        (
            [(5, 0, 1, 0), (6, 2, 4, 5), (7, 2, 4, 5), (8, 0, 0, 0)],
            "track 8 is in no frame's labels",
        ),
        (
            [(5, 0, 1, 0), (6, 2, 3, 5), (7, 2, 4, 5)],
            "track 6 lasts from frame 2 to 3 in the table, but from 2 to 4 in the labels",
        ),
        ([(5, 0, 1, 0), (5, 0, 1, 0)], "track 5 is there twice or under 1"),
        ([(0, 0, 1, 0)], "track 0 is there twice or under 1"),
        ([(5, 0, 1, 9)], "track 5 names 9 as its mother, which must be a track that ends"),
        ([(5, 0, 2, 0), (6, 2, 4, 5)], "track 6 names 5 as its mother"),
    ],
)
def test_tables_that_do_not_fit(rows: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(TrackingError, match=message):
        check_tracks(CELLS, table(rows), what="truth")


def test_a_column_is_missing() -> None:
    with pytest.raises(TrackingError, match="prediction's tracks need the column parent_id"):
        check_tracks(CELLS, TRACKS.drop(columns="parent_id"), what="prediction")


def test_what_the_challenge_refuses() -> None:
    assert rule_breaches([np.array([1]), np.array([1, 65_535])]) == []
    assert rule_breaches([np.array([1]), np.array([65_536])]) == ["The label 65536 is over 65535."]
    assert rule_breaches([np.empty(0)]) == ["There is no cell in any frame."]
    (gap,) = rule_breaches(CELLS)
    assert gap.startswith("Tracks are lost for some frames (1, such as 6)")
