import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.io.exchange.compare import same_masks, same_tracks

from softlight.io.exchange.movie import ExchangeError
from softlight.io.exchange.napari import read_napari, write_napari
from softlight.io.exchange.run_folder import is_run_folder, movies_of_run, read_run
from softlight.io.exchange.tables import read_tables, write_csv, write_parquet


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_tables_round_trip(tmp_path, tracked, write):
    assert write(tmp_path / "out", tracked) == ()
    for back in (read_tables(tmp_path / "out"), read_run(tmp_path / "out")):
        same_masks(back.labels, tracked.labels)
        same_tracks(back.tracks, tracked.tracks)
        pd.testing.assert_frame_equal(
            back.objects, tracked.objects.sort_values(["frame", "label"], ignore_index=True)
        )
        assert (back.name, back.pixel_size_um, back.frame_interval_min) == ("cells", 0.65, 15)


def test_other_programs_read_them(tmp_path, tracked):
    write_csv(tmp_path, tracked)
    assert len(pd.read_csv(tmp_path / "objects.csv")) == len(tracked.objects)
    same_masks(tifffile.imread(tmp_path / "labels" / "cells.tif"), tracked.labels)


def test_masks_only_and_positions_only(tmp_path, tracked, masks_only):
    write_csv(tmp_path / "a", masks_only)
    back = read_tables(tmp_path / "a")
    assert (back.tracks, len(back.objects)) == (None, len(tracked.objects))
    write_csv(tmp_path / "b", replace(tracked, labels=None, shape=(5, 20, 24)))
    back = read_tables(tmp_path / "b")
    assert (back.labels, back.size) == (None, (5, 20, 24))


def run(folder, tracked, names):
    """A run folder as an analysis of several movies writes it."""
    objects, tracks = [], []
    for name in names:
        write_csv(folder / "parts" / name, replace(tracked, name=name))
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "parts" / name / "labels" / f"{name}.tif").rename(
            folder / "labels" / f"{name}.tif"
        )
        objects.append(tracked.objects.assign(movie=name, time_min=tracked.objects["frame"] * 4.0))
        tracks.append(tracked.tracks.assign(movie=name))
    pd.concat(objects).to_csv(folder / "objects.csv", index=False)
    pd.concat(tracks).to_csv(folder / "tracks.csv", index=False)
    return folder


def test_a_run_of_several_movies(tmp_path, tracked):
    folder = run(tmp_path, tracked, ["a", "007"])
    assert is_run_folder(folder)
    assert movies_of_run(folder) == ["007", "a"]
    back = read_run(folder, movie="007")
    same_tracks(back.tracks, tracked.tracks)
    assert "movie" not in back.objects
    assert (back.pixel_size_um, back.frame_interval_min) == (0.65, 4)
    with pytest.raises(ExchangeError, match="holds 2 movies; name one of 007, a"):
        read_run(folder)
    with pytest.raises(ExchangeError, match="has no movie 'b'"):
        read_run(folder, movie="b")
    frame = pd.read_csv(folder / "objects.csv").drop(columns="movie")
    frame.to_csv(folder / "objects.csv", index=False)
    with pytest.raises(ExchangeError, match="have no column movie"):
        read_run(folder, movie="a")


def test_a_run_that_only_segmented(tmp_path, masks_only):
    write_csv(tmp_path, replace(masks_only, name="a"))
    for name in ("objects.csv", "movie.json"):
        (tmp_path / name).unlink()
    rows = [("a.tif", t, t * 7.0, 4.0, 1.0) for t in range(5)]
    columns = ["file", "frame", "time_min", "median_area_px", "median_area_um2"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "frames.csv", index=False)
    files = [{"source": "/data/a.tif", "labels": "x/labels/a.tif"}]
    (tmp_path / "run.json").write_text(json.dumps({"files": files, "reading": {}}))
    back = read_run(tmp_path)
    assert (back.tracks, back.objects is not None) == (None, True)
    assert (back.pixel_size_um, back.frame_interval_min) == (0.5, 7)
    files[0] |= {"pixel_size_um": 0.25}
    (tmp_path / "run.json").write_text(json.dumps({"files": files, "reading": {"interval_min": 3}}))
    back = read_run(tmp_path)
    assert (back.pixel_size_um, back.frame_interval_min) == (0.25, 3)


def test_damaged_tables(tmp_path, tracked):
    write_csv(tmp_path, tracked)
    (tmp_path / "objects.csv").write_text("")
    with pytest.raises(ExchangeError, match=r"objects\.csv is empty"):
        read_tables(tmp_path)
    (tmp_path / "objects.csv").write_text("frame,label\n0,1\n0,5,6,7\n")
    with pytest.raises(ValueError, match=r"objects\.csv is damaged"):
        read_tables(tmp_path)
    (tmp_path / "movie.json").write_text('{"pixel_size_um": "x"}')
    with pytest.raises(ExchangeError, match="pixel_size_um is 'x'"):
        read_tables(tmp_path)
    with pytest.raises(ExchangeError, match=r"neither objects\.csv nor"):
        read_tables(tmp_path / "labels")
    with pytest.raises(ExchangeError, match="is no run folder"):
        movies_of_run(tmp_path / "none")
    assert not is_run_folder(tmp_path / "none")


def test_names_in_the_notes_do_not_leave_the_folder(tmp_path, tracked):
    write_csv(tmp_path, tracked)
    (tmp_path / "movie.json").write_text('{"name": "../../etc/x"}')
    assert read_tables(tmp_path).labels is None


def test_napari_round_trip(tmp_path, tracked):
    (note,) = write_napari(tmp_path / "out", tracked)
    assert "masks" in note
    back = read_napari(tmp_path / "out")
    same_tracks(back.tracks, tracked.tracks)
    keys = ["frame", "label", "track_id", "y_px", "x_px", "area_um2"]
    pd.testing.assert_frame_equal(
        back.objects[keys],
        tracked.objects.sort_values(["frame", "label"], ignore_index=True)[keys],
    )


def test_napari_takes_the_table_and_the_graph(tmp_path, tracked):
    """What napari itself asks of tracks: sorted by track and time, parents that exist."""
    write_napari(tmp_path, tracked)
    data = pd.read_csv(tmp_path / "tracks.csv")
    assert list(data.columns[:4]) == ["ID", "T", "Y", "X"]
    order = np.lexsort((data["T"], data["ID"]))
    assert (order == np.arange(len(data))).all()
    graph = {
        int(key): value for key, value in json.loads((tmp_path / "graph.json").read_text()).items()
    }
    assert graph == {2: [1], 3: [1]}
    assert set(graph) <= set(data["ID"])


def test_a_table_from_elsewhere(tmp_path):
    (tmp_path / "x.csv").write_text("track_id,t,y,x\n3,0,1.5,2\n3,2,1,2\n5,2,7,7\n")
    movie = read_napari(tmp_path / "x.csv")
    assert movie.tracks.to_numpy().tolist() == [[3, 0, 0, 2], [5, 0, 2, 2]]
    assert movie.objects["label"].tolist() == [1, 1, 2]
    (tmp_path / "graph.json").write_text('{"5": [3, 4]}')
    with pytest.raises(ExchangeError, match="its parent 3 is there until frame 2"):
        read_napari(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ('{"9": [1]}', "names track 9, which has no row"),
        ('{"2": []}', "is no graph"),
        ('{"x": [1]}', "is no graph"),
        ('{"2": ["x"]}', "the parent of track 2 is 'x'"),
        ("[1]", "is no graph; it needs"),
        ('{"2": [', "is not readable JSON"),
        ('{"1": [2], "2": [1]}', "in a circle"),
    ],
)
def test_damaged_graphs(tmp_path, tracked, graph, message):
    write_napari(tmp_path, tracked)
    (tmp_path / "graph.json").write_text(graph)
    with pytest.raises(ExchangeError, match=message):
        read_napari(tmp_path)


def test_damaged_napari_tables(tmp_path, tracked):
    write_napari(tmp_path, tracked)
    (tmp_path / "graph.json").unlink()
    table = tmp_path / "tracks.csv"
    for text, message in (
        ("ID,T,Y\n1,2,3\n", "lacks X"),
        ("ID,T,Y,X\n1,2,3,nan\n", "has no position"),
        ("", "is empty"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_napari(table)


def test_a_run_of_one_movie_says_its_sizes_at_the_top(tmp_path, tracked):
    write_csv(tmp_path, tracked)
    (tmp_path / "movie.json").unlink()
    run_json = {"name": "cells", "pixel_size_um": None, "frame_interval_min": 20.0}
    (tmp_path / "run.json").write_text(json.dumps(run_json))
    assert read_run(tmp_path).frame_interval_min == 20
    (tmp_path / "run.json").write_text(json.dumps(run_json | {"name": "another"}))
    assert read_run(tmp_path).frame_interval_min is None
