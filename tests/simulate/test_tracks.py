from softlight.simulate.tracks import SimulatedTrack, build_tracks


def test_a_division_links_both_daughters_to_the_mother() -> None:
    tracks, owner = build_tracks([{5}, {5}, {8, 9}], {5: 0, 8: 5, 9: 5})
    assert tracks == [
        SimulatedTrack(1, 0, 0, 1),
        SimulatedTrack(2, 1, 2, 2),
        SimulatedTrack(3, 1, 2, 2),
    ]
    assert owner == {(0, 5): 1, (1, 5): 1, (2, 8): 2, (2, 9): 3}


def test_a_cell_that_comes_back_is_a_new_track_without_mother() -> None:
    tracks, owner = build_tracks([{4}, {7}, set(), {7}], {4: 0, 7: 4})
    assert tracks == [
        SimulatedTrack(1, 0, 0, 0),
        SimulatedTrack(2, 1, 1, 1),
        SimulatedTrack(3, 0, 3, 3),
    ]
    assert owner[3, 7] == 3


def test_a_mother_out_of_view_is_no_mother() -> None:
    tracks, _ = build_tracks([{1}, set(), {2}], {1: 0, 2: 1})
    assert [track.parent_id for track in tracks] == [0, 0]


def test_a_daughter_first_seen_later_has_no_mother() -> None:
    tracks, _ = build_tracks([{1}, {2}, {2, 3}], {1: 0, 2: 1, 3: 1})
    assert [(track.first_frame, track.parent_id) for track in tracks] == [(0, 0), (1, 1), (2, 0)]


def test_nothing_seen_is_no_track() -> None:
    assert build_tracks([set(), set()], {}) == ([], {})
