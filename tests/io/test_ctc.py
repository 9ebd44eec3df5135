import re

import numpy as np
import pytest

from softlight.data.sets import open_dataset
from softlight.io.ctc import (
    CtcTrack,
    ImageError,
    is_ctc_folder,
    list_sequences,
    read_tracks,
    write_ctc_sequence,
)
from softlight.io.images import open_movie
from softlight.io.labels import read_labels

TRACKS = [CtcTrack(1, 0, 1), CtcTrack(2, 2, 2, 1), CtcTrack(40_000, 0, 2)]
IMAGES = np.random.default_rng(0).integers(0, 900, (3, 12, 15), np.uint16)
LABELS = np.zeros((3, 12, 15), np.int32)
LABELS[:2, 2:5, 2:5], LABELS[2, 2:5, 3:6], LABELS[:, 8:10, 8:12] = 1, 2, 40_000


def test_what_is_written_is_read_back(tmp_path):
    write_ctc_sequence(tmp_path, images=iter(IMAGES), labels=iter(LABELS), tracks=TRACKS)
    assert is_ctc_folder(tmp_path)
    (found,) = list_sequences(tmp_path)
    assert (found.name, sorted(found.frames)) == ("01", [0, 1, 2])
    assert found.tracks == tuple(TRACKS)
    assert (found.silver, found.silver_kind) == ({}, "")
    np.testing.assert_array_equal(np.stack(list(open_movie(tmp_path / "01"))), IMAGES)
    for frame in range(3):
        for masks in (found.gold, found.tracking):
            np.testing.assert_array_equal(read_labels(masks[frame]), LABELS[frame])
    assert found.gold[2].name == "man_seg002.tif"
    assert found.tracking[2].name == "man_track002.tif"


@pytest.mark.parametrize("below", ["01_GT", "01_GT/TRA"])
def test_the_annotation_is_not_the_data(tmp_path, below):
    write_ctc_sequence(tmp_path, images=iter(IMAGES), labels=iter(LABELS), tracks=TRACKS)
    words = f"annotation of sequence 01, not the data: give the set's folder, {tmp_path}, or"
    with pytest.raises(ImageError, match=re.escape(words)):
        list_sequences(tmp_path / below)
    with pytest.raises(ImageError, match=re.escape(words)):
        open_dataset(tmp_path / below)


def test_labels_over_16_bits(tmp_path):
    tracks = [CtcTrack(70_000, 0, 0)]
    write_ctc_sequence(tmp_path, images=IMAGES[:1], labels=[LABELS[0] * 0 + 70_000], tracks=tracks)
    assert read_labels(list_sequences(tmp_path)[0].gold[0]).max() == 70_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0 2\n", "line 1: '1 0 2' is not four whole numbers"),
        ("1 0 2 0\n2 0 x 0\n", "line 2"),
        ("1 0 2 -1\n", "line 1"),
        ("1 0 2 0\n1 3 4 0\n", "its own label"),
        ("0 0 2 0\n", "its own label above 0"),
        ("1 5 2 0\n", "ends in frame 2, before it begins in 5"),
        ("1 0 2 0\n2 2 3 1\n", "names 1 as its mother"),
        ("1 0 2 9\n", "names 9 as its mother"),
        ("\xff 0 2 9\n", "damaged"),
    ],
)
def test_damaged_track_tables(tmp_path, text, message):
    (tmp_path / "man_track.txt").write_text(text, encoding="latin-1")
    with pytest.raises(ImageError, match=message):
        read_tracks(tmp_path / "man_track.txt")


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ImageError, match="Frame 0 has the label 40000, which is no track"):
        write_ctc_sequence(tmp_path, images=IMAGES, labels=LABELS, tracks=TRACKS[:2])
    with pytest.raises(ImageError, match="Frame 2 needs an image and labels"):
        write_ctc_sequence(tmp_path, images=IMAGES, labels=LABELS[:2], tracks=TRACKS)


def test_folders_that_are_none(tmp_path):
    assert not is_ctc_folder(tmp_path)
    with pytest.raises(ImageError, match=r"needs 01/ with t000\.tif"):
        list_sequences(tmp_path)
    with pytest.raises(ImageError, match="is not a folder"):
        list_sequences(tmp_path / "none")


@pytest.mark.parametrize(
    ("folder", "sequence", "counts", "kind", "tracks"),
    [
        ("Fluo-N2DH-SIM+", "01", (50, 50, 50, 0), "", 78),
        ("PhC-C2DH-U373", "02", (60, 13, 60, 60), "ST", 10),
        ("Fluo-N2DH-GOWT1", "01", (92, 30, 92, 92), "ST_partial", 27),
        ("PhC-C2DL-PSC", "01", (80, 0, 0, 80), "STbin", 0),
    ],
)
def test_the_real_sets(real_data, folder, sequence, counts, kind, tracks):
    (found,) = list_sequences(real_data / "ctc" / folder)
    assert found.name == sequence
    sizes = (found.frames, found.gold, found.tracking, found.silver)
    assert tuple(map(len, sizes)) == counts
    assert (found.silver_kind, len(found.tracks)) == (kind, tracks)
    assert len(open_movie(real_data / "ctc" / folder / sequence)) == counts[0]
