import dataclasses

import numpy as np
import pytest
from skimage import measure

from softlight.simulate.movie import SimulatedMovie, simulate
from softlight.simulate.scene import MORPHOLOGIES, Scene

BUSY = Scene(
    frames=10,
    height=96,
    width=112,
    cells=12,
    seed=2,
    interval_min=60.0,
    pixel_size_um=2.0,
    cell_diameter_um=36.0,
    division_rate_per_h=0.15,
    death_rate_per_h=0.03,
    speed_um_per_min=0.6,
)


@pytest.fixture(scope="module")
def busy() -> SimulatedMovie:
    return simulate(BUSY)


def test_shapes_and_types(busy: SimulatedMovie) -> None:
    assert busy.images.shape == busy.labels.shape == (10, 96, 112)
    assert busy.images.dtype == np.uint8
    assert busy.labels.dtype == np.int32
    sixteen = simulate(dataclasses.replace(BUSY, bit_depth=16, frames=1))
    assert sixteen.images.dtype == np.uint16
    assert sixteen.images.max() > 255


def test_the_same_seed_gives_the_same_movie(busy: SimulatedMovie) -> None:
    again = simulate(BUSY)
    assert np.array_equal(busy.images, again.images)
    assert np.array_equal(busy.labels, again.labels)
    assert busy.tracks == again.tracks


def test_another_seed_gives_another_movie(busy: SimulatedMovie) -> None:
    other = simulate(dataclasses.replace(BUSY, seed=3, frames=1))
    assert not np.array_equal(busy.images[0], other.images[0])
    assert not np.array_equal(busy.labels[0], other.labels[0])


def test_global_random_state_is_neither_used_nor_changed(busy: SimulatedMovie) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.seed(99)  # noqa: NPY002
    marked = np.random.get_state()[1].copy()  # noqa: NPY002
    assert not np.array_equal(before, marked)
    again = simulate(dataclasses.replace(BUSY, frames=1))
    assert np.array_equal(marked, np.random.get_state()[1])  # noqa: NPY002
    assert np.array_equal(again.images[0], busy.images[0])


def test_labels_are_the_tracks(busy: SimulatedMovie) -> None:
    seen: dict[int, list[int]] = {}
    for frame, labels in enumerate(busy.labels):
        for label in set(np.unique(labels).tolist()) - {0}:
            seen.setdefault(label, []).append(frame)
    assert sorted(seen) == [track.track_id for track in busy.tracks]
    for track in busy.tracks:
        assert seen[track.track_id] == list(range(track.first_frame, track.last_frame + 1))


def test_mothers_end_right_before_their_daughters_begin(busy: SimulatedMovie) -> None:
    by_id = {track.track_id: track for track in busy.tracks}
    daughters: dict[int, int] = {}
    for track in busy.tracks:
        if track.parent_id:
            assert by_id[track.parent_id].last_frame == track.first_frame - 1
            daughters[track.parent_id] = daughters.get(track.parent_id, 0) + 1
    assert len(daughters) >= 3
    assert set(daughters.values()) <= {1, 2}  # one, where the other is born outside the view
    assert 2 in daughters.values()


def test_cells_divide_die_come_and_go(busy: SimulatedMovie) -> None:
    last = len(busy.labels) - 1
    edge = np.zeros(busy.labels.shape[1:], bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    entered = [t for t in busy.tracks if t.first_frame > 0 and not t.parent_id]
    assert any(edge[busy.labels[t.first_frame] == t.track_id].any() for t in entered)
    ended = [t for t in busy.tracks if t.last_frame < last]
    mothers = {t.parent_id for t in busy.tracks}
    assert any(t.track_id not in mothers for t in ended)


def test_without_rates_nobody_divides_or_dies() -> None:
    calm = dataclasses.replace(BUSY, division_rate_per_h=0.0, death_rate_per_h=0.0, frames=5)
    movie = simulate(calm)
    assert movie.tracks
    assert all(track.parent_id == 0 for track in movie.tracks)
    inside = movie.labels[0][30:-30, 30:-30]
    central = set(np.unique(inside).tolist()) - {0}
    still = dataclasses.replace(calm, speed_um_per_min=0.0)
    kept = {t.track_id for t in simulate(still).tracks if t.last_frame == 4}
    assert central
    assert central <= kept


def test_divisions_happen_as_often_as_the_rate_says() -> None:
    rate = 0.1
    scene = dataclasses.replace(
        BUSY, cells=150, cell_diameter_um=12.0, frames=7, height=128, width=128,
        division_rate_per_h=rate, death_rate_per_h=0.0, morphology="round",
    )  # fmt: skip
    movie = simulate(scene)
    cells = [len(np.unique(labels)) - 1 for labels in movie.labels]
    births = sum(1 for track in movie.tracks if track.parent_id) / 2
    expected = np.log(2) * rate * sum(cells[:-1])  # a steadily dividing population
    assert births == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize("morphology", MORPHOLOGIES)
def test_each_cell_is_one_piece_unless_the_border_cuts_it(morphology: str) -> None:
    movie = simulate(
        dataclasses.replace(BUSY, morphology=morphology, frames=2, cells=25, clustering=1.0)
    )
    checked = 0
    for labels in movie.labels:
        for region in measure.regionprops(labels):
            top, left, bottom, right = region.bbox
            if top > 0 and left > 0 and bottom < labels.shape[0] and right < labels.shape[1]:
                pieces = measure.label(labels == region.label, connectivity=2)
                assert pieces.max() == 1
                checked += 1
    assert checked > 5


def test_cells_look_unlike_the_background(busy: SimulatedMovie) -> None:
    images, labels = busy.images.astype(float), busy.labels
    assert 0.05 < (labels > 0).mean() < 0.9
    assert images[labels > 0].std() > 1.5 * images[labels == 0].std()


def test_a_view_without_cells_is_empty_and_has_no_tracks() -> None:
    movie = simulate(dataclasses.replace(BUSY, cells=0, frames=2))
    assert not movie.labels.any()
    assert movie.tracks == ()


def test_progress_is_told_frame_by_frame() -> None:
    told: list[tuple[int, int]] = []
    simulate(dataclasses.replace(BUSY, frames=3), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_bleaching_dims_the_cells_by_the_share_given() -> None:
    scene = dataclasses.replace(
        BUSY, modality="fluorescence", bleaching_per_frame=0.1, photons=1e6, bit_depth=16,
        frames=6, division_rate_per_h=0.0, death_rate_per_h=0.0, speed_um_per_min=0.0,
    )  # fmt: skip
    movie = simulate(scene)
    bright = [np.percentile(image, 99) - np.percentile(image, 1) for image in movie.images]
    assert bright[5] / bright[0] == pytest.approx(0.9**5, rel=0.15)
