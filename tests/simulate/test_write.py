import csv
import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from softlight.io.ctc import is_ctc_folder, list_sequences
from softlight.io.images import open_movie, read_image
from softlight.io.labels import read_labels
from softlight.simulate.movie import SimulatedMovie, simulate
from softlight.simulate.scene import Scene
from softlight.simulate.write import write_movie_tiff, write_paired, write_simulation

SCENE = Scene(
    frames=4, height=80, width=96, cells=10, seed=4, interval_min=45.0, pixel_size_um=2.0,
    division_rate_per_h=0.3, speed_um_per_min=0.5,
)  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def movie() -> SimulatedMovie:
    return simulate(SCENE)


@pytest.fixture(scope="module")
def folder(movie: SimulatedMovie, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "movie"
    write_simulation(path, movie)
    return path


def test_two_processes_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    # A second interpreter, so that neither caches, hash seeds nor thread counts matter.
    code = (
        "import sys; from softlight.simulate.movie import simulate;"
        "from softlight.simulate.scene import Scene;"
        "from softlight.simulate.write import write_simulation;"
        f"write_simulation(sys.argv[1], simulate({SCENE!r}))"
    )
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    first = digests(folder)
    assert len(first) == 4 * 5 + 4
    assert digests(tmp_path) == first


def test_another_seed_writes_other_bytes(folder: Path, tmp_path: Path) -> None:
    write_simulation(tmp_path, simulate(Scene(**{**_values(folder), "seed": 5})))
    first, other = digests(folder), digests(tmp_path)
    assert first["images/sim_t000.tif"] != other["images/sim_t000.tif"]
    assert first["labels/sim_t000.tif"] != other["labels/sim_t000.tif"]


def _values(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "scene.toml").read_text(encoding="utf-8"))


def test_the_scene_file_makes_the_scene_again(folder: Path) -> None:
    assert Scene(**_values(folder)) == SCENE  # type: ignore[arg-type]


def test_images_and_labels_read_back_as_pairs(folder: Path, movie: SimulatedMovie) -> None:
    images, labels = sorted((folder / "images").iterdir()), sorted((folder / "labels").iterdir())
    assert [path.stem for path in images] == [path.stem for path in labels]
    assert len(images) == SCENE.frames
    for frame in range(SCENE.frames):
        assert np.array_equal(read_image(images[frame]), movie.images[frame])
        assert np.array_equal(read_labels(labels[frame]), movie.labels[frame])
    assert open_movie(images[0]).pixel_size_um == pytest.approx(2.0)


def test_the_challenge_folder_is_valid(folder: Path, movie: SimulatedMovie) -> None:
    assert is_ctc_folder(folder / "ctc")
    (sequence,) = list_sequences(folder / "ctc")
    frames = list(range(SCENE.frames))
    assert list(sequence.frames) == list(sequence.gold) == list(sequence.tracking) == frames
    lines = {track.label: track for track in sequence.tracks}
    assert any(track.parent for track in lines.values())
    for frame in frames:
        labels = read_labels(sequence.tracking[frame])
        assert np.array_equal(labels, movie.labels[frame])
        alive = {t.label for t in lines.values() if t.first_frame <= frame <= t.last_frame}
        assert set(np.unique(labels).tolist()) - {0} == alive
    for track in lines.values():
        if track.parent:
            assert lines[track.parent].last_frame == track.first_frame - 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_coco_masks_equal_the_label_images(folder: Path, movie: SimulatedMovie) -> None:
    coco = COCO(str(folder / "annotations.json"))
    names = {image["file_name"]: image["id"] for image in coco.dataset["images"]}
    assert len(names) == SCENE.frames
    drawn = 0
    for frame in range(SCENE.frames):
        labels = movie.labels[frame]
        found = coco.loadAnns(coco.getAnnIds(imgIds=names[f"sim_t{frame:03d}.tif"]))
        assert len(found) == len(np.unique(labels)) - 1
        for item in found:
            mask = coco.annToMask(item).astype(bool)
            (label,) = np.unique(labels[mask])
            assert label > 0
            assert np.array_equal(mask, labels == label)
            assert item["area"] == mask.sum() == coco_mask.area(coco.annToRLE(item))
            drawn += 1
    assert drawn > 10
    assert json.loads((folder / "annotations.json").read_text())["categories"]


def test_the_track_table_holds_the_tracks(folder: Path, movie: SimulatedMovie) -> None:
    with (folder / "tracks.csv").open(newline="") as file:
        rows = [{key: int(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert [tuple(row.values()) for row in rows] == [
        (t.track_id, t.parent_id, t.first_frame, t.last_frame) for t in movie.tracks
    ]
    assert list(rows[0]) == ["track_id", "parent_id", "first_frame", "last_frame"]


def test_pairs_take_the_name_given(movie: SimulatedMovie, tmp_path: Path) -> None:
    write_paired(tmp_path, movie, name="other")
    assert (tmp_path / "images" / "other_t003.tif").is_file()
    assert (tmp_path / "labels" / "other_t003.tif").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "labels"]


def test_a_movie_file_keeps_its_scale_and_interval(movie: SimulatedMovie, tmp_path: Path) -> None:
    write_movie_tiff(tmp_path / "movie.tif", movie.images, movie.scene)
    read = open_movie(tmp_path / "movie.tif")
    assert read.axes.startswith("TYX")
    assert read.pixel_size_um == pytest.approx(2.0)
    assert read.frame_interval_min == pytest.approx(45.0)
    assert np.array_equal(np.stack([read.frame(t) for t in range(4)]), movie.images)
