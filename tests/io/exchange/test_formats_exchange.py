from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from tests.io.exchange.compare import by_track, same_masks, same_tracks

from softlight.apps.commands.exchange import FormatName
from softlight.io.exchange.formats import FORMATS, find_format, recognise
from softlight.io.exchange.movie import ExchangeError
from softlight.io.labels import write_labels


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_divisions_and_gaps_or_says_so(tmp_path, tracked, name):
    form = FORMATS[name]
    path = tmp_path / f"out{form.suffix}"
    form.write(path, tracked)
    assert recognise(path) == {"csv": "run", "parquet": "run"}.get(name, name)
    back = form.read(path)
    same_tracks(back.tracks, tracked.tracks)
    if back.labels is not None and name != "trackmate":
        same_masks(by_track(back), by_track(tracked))


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.needs_tracks])
def test_formats_of_tracks_refuse_masks_alone(tmp_path, masks_only, name):
    with pytest.raises(ExchangeError, match="has no tracks"):
        FORMATS[name].write(tmp_path / "out", masks_only)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.needs_masks])
def test_formats_of_masks_refuse_positions_alone(tmp_path, tracked, name):
    with pytest.raises(ExchangeError, match="made of masks"):
        FORMATS[name].write(tmp_path / "out", replace(tracked, labels=None))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_chains_of_formats_keep_the_tracks(tmp_path, tracked, name):
    first = FORMATS[name]
    first.write(tmp_path / f"a{first.suffix}", tracked)
    once = first.read(tmp_path / f"a{first.suffix}")
    first.write(tmp_path / f"b{first.suffix}", once)
    twice = first.read(tmp_path / f"b{first.suffix}")
    same_tracks(twice.tracks, tracked.tracks)
    if once.labels is not None:
        same_masks(twice.labels, list(once.labels))


def test_the_command_line_offers_every_format():
    assert get_args(FormatName) == tuple(FORMATS)


def test_unknown_names():
    with pytest.raises(ExchangeError, match="no format 'mov'; choose one of ctc, geff"):
        find_format("mov")


def test_what_is_no_format_is_taken_for_label_images(tmp_path):
    write_labels(tmp_path / "a.tif", np.ones((2, 3), int))
    assert recognise(tmp_path / "a.tif") == "labels"
    assert recognise(tmp_path) == "labels"
    (tmp_path / "x.json").write_text('{"images": []}')
    assert recognise(tmp_path / "x.json") == "coco"
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ExchangeError, match="is empty"):
        recognise(tmp_path / "empty")
    with pytest.raises(ExchangeError, match="does not exist"):
        recognise(tmp_path / "none")
