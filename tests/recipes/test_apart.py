"""Results never mix with what is read, whatever the verb."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import bright_segmenter, write_discs

from softlight.io.labels import write_labels
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.apart import keep_apart, keep_beside
from softlight.recipes.evaluate import evaluate
from softlight.recipes.evaluate_tracking import evaluate_tracking
from softlight.recipes.export import export
from softlight.recipes.segment import segment
from softlight.recipes.track_folder import track_folder


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full((3, 32, 32), 20, np.uint8), photometric="minisblack")
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_by_hand(tmp_path: Path) -> None:
    keep_apart([tmp_path / "in" / "a.tif"], tmp_path / "out")
    keep_apart([tmp_path / "in"], tmp_path / "in" / "out")
    keep_apart([tmp_path / "in2"], tmp_path / "in", whole=[tmp_path / "in2"])
    with pytest.raises(ValueError, match=r"in lies in .*in, where the results would mix"):
        keep_apart([tmp_path / "in"], tmp_path / "in" / "." / "")
    with pytest.raises(ValueError, match="give --out a folder outside"):
        keep_apart([], tmp_path / "in" / "a" / "out", whole=[tmp_path / "in"])


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_a_link_leads_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(ValueError, match="would mix"):
        keep_apart([tmp_path / "in" / "a.tif"], tmp_path / "link")


@pytest.mark.parametrize("verb", ["segment", "analyze"])
def test_results_do_not_replace_the_annotation_of_a_data_set(tmp_path: Path, verb: str) -> None:
    data = write_discs(tmp_path / "data", ["a", "b"])
    before = files(data)
    run = segment if verb == "segment" else analyze
    with pytest.raises(ValueError, match=r"a\.tif lies in .*data, where the results would mix"):
        run([data / "images"], bright_segmenter(), data)
    assert files(data) == before


def test_a_folder_of_images_is_not_the_folder_of_results(tmp_path: Path) -> None:
    image(tmp_path / "in" / "a.tif")
    for run in (segment, analyze):
        with pytest.raises(ValueError, match="where the results would mix"):
            run([tmp_path / "in"], bright_segmenter(), tmp_path / "in")
    with pytest.raises(ValueError, match="where the results would mix"):
        segment([tmp_path / "in"], bright_segmenter(), tmp_path / "in", as_movies=True)
    assert list(files(tmp_path)) == ["in/a.tif"]


def test_a_folder_in_a_folder_of_images_is_no_harm(tmp_path: Path) -> None:
    image(tmp_path / "in" / "a.tif")
    (one,) = segment([tmp_path / "in"], bright_segmenter(), tmp_path / "in" / "found")
    assert one.error is None
    (again,) = segment([tmp_path / "in"], bright_segmenter(), tmp_path / "in" / "found")
    assert again.source == one.source


def test_a_folder_of_folders_holds_no_results(tmp_path: Path) -> None:
    image(tmp_path / "wells" / "A1" / "a.tif")
    with pytest.raises(ValueError, match=r"out lies in .*wells, all of which is read"):
        analyze([tmp_path / "wells"], bright_segmenter(), tmp_path / "wells" / "out")
    assert list(files(tmp_path)) == ["wells/A1/a.tif"]


def test_given_labels_hold_no_results(tmp_path: Path) -> None:
    movie = image(tmp_path / "a.tif")
    write_labels(tmp_path / "labels" / "a.tif", np.ones((3, 32, 32), np.int32))
    with pytest.raises(ValueError, match=r"out lies in .*labels, all of which is read"):
        analyze([movie], tmp_path / "labels", tmp_path / "labels" / "out")
    with pytest.raises(ValueError, match=r"labels lies in .*, where the results would mix"):
        analyze([movie], tmp_path / "labels", tmp_path / "labels")


def test_tracks_do_not_replace_another_result(tmp_path: Path) -> None:
    labels = np.zeros((3, 32, 32), np.int32)
    labels[:, 4:9, 4:9] = 1
    for t in range(3):
        write_labels(tmp_path / "movie" / "02_GT" / f"m{t}.tif", labels[t])
        write_labels(tmp_path / "movie" / "01_RES" / f"mask{t:03}.tif", labels[t])
    before = files(tmp_path)
    with pytest.raises(ValueError, match=r"02_GT lies in .*movie, where the results would mix"):
        track_folder(tmp_path / "movie" / "02_GT", tmp_path / "movie")
    with pytest.raises(ValueError, match=r"out lies in .*02_GT, all of which is read"):
        track_folder(tmp_path / "movie" / "02_GT", tmp_path / "movie" / "02_GT" / "out")
    assert files(tmp_path) == before


def test_an_export_does_not_lie_among_the_labels_that_it_is_made_of(tmp_path: Path) -> None:
    for t in range(2):
        write_labels(tmp_path / "labels" / f"m{t}.tif", np.eye(8, dtype=np.int32))
    with pytest.raises(ValueError, match=r"x\.ome\.zarr lies in .*labels, all of which is read"):
        export(tmp_path / "labels", "ome-zarr", tmp_path / "labels" / "x.ome.zarr")
    export(tmp_path / "labels", "ome-zarr", tmp_path / "x.ome.zarr")


def test_beside_by_hand(tmp_path: Path) -> None:
    keep_beside([tmp_path / "in"], tmp_path)
    keep_beside([tmp_path / "in"], tmp_path / "in" / "out")
    with pytest.raises(ValueError, match="in is read, and the results would mix with it"):
        keep_beside([tmp_path / "a", tmp_path / "in"], tmp_path / "in" / ".")


@pytest.mark.parametrize("place", ["predicted", "predicted/scores", "data"])
def test_scores_do_not_go_among_predictions(tmp_path: Path, place: str) -> None:
    data = write_discs(tmp_path / "data", ["a", "b"])
    (write_discs(tmp_path / "again", ["a", "b"]) / "labels").rename(tmp_path / "predicted")
    before = files(tmp_path)
    with pytest.raises(ValueError, match=r"give --out (another folder|a folder outside)"):
        evaluate(data, tmp_path / place, predicted=tmp_path / "predicted")
    assert files(tmp_path) == before


@pytest.mark.parametrize("place", ["set/01_RES", "set/01_RES/scores", "set/01_GT", "set"])
def test_scores_do_not_go_into_a_submission(tmp_path: Path, place: str) -> None:
    data = tmp_path / "set"
    image(data / "01" / "t000.tif")
    for folder, prefix, table in (("01_GT/TRA", "man_track", "man"), ("01_RES", "mask", "res")):
        labels = np.zeros((16, 16), np.uint16)
        labels[4:9, 4:9] = 1
        write_labels(data / folder / f"{prefix}000.tif", labels)
        (data / folder / f"{table}_track.txt").write_text("1 0 0 0\n")
    before = files(data)
    with pytest.raises(ValueError, match=r"give --out (another folder|a folder outside)"):
        evaluate_tracking(data, tmp_path / place, predicted=data / "01_RES")
    assert files(data) == before
    with pytest.raises(ValueError, match="set is read"):
        evaluate_tracking(data, data, predicted=data)
    assert files(data) == before
    evaluate_tracking(data, data / "scores", predicted=data / "01_RES")
