import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.tracking_cases import perturbed, synthetic, table

from softlight.config import ConfigError
from softlight.evaluate.track_graph import TrackedFrames, TrackingError
from softlight.evaluate.tracking import score_tracking
from softlight.io.ctc import CtcTrack, write_ctc_sequence
from softlight.io.errors import ImageError
from softlight.recipes.evaluate_tracking import evaluate_tracking, holds_tracks

TRUTH = synthetic(2)
PREDICTED = perturbed(TRUTH, "mixed", seed=2, faults=10)


def write_truth(folder: Path, *, sequence: str = "01") -> Path:
    rng = np.random.default_rng(0)
    images = [(labels > 0) * 90 + rng.integers(0, 50, labels.shape) for labels in TRUTH.labels]
    rows = TRUTH.tracks[["track_id", "first_frame", "last_frame", "parent_id"]]
    write_ctc_sequence(
        folder,
        sequence=sequence,
        images=[image.astype(np.uint8) for image in images],
        labels=list(TRUTH.labels),
        tracks=[CtcTrack(*map(int, row)) for row in rows.itertuples(index=False)],
    )
    return folder


def write_result(folder: Path, tracked: TrackedFrames = PREDICTED) -> Path:
    folder.mkdir(parents=True)
    for at, labels in enumerate(tracked.labels):
        tifffile.imwrite(folder / f"mask{at:03d}.tif", labels.astype(np.uint16))
    rows = tracked.tracks[["track_id", "first_frame", "last_frame", "parent_id"]]
    rows.to_csv(folder / "res_track.txt", sep=" ", header=False, index=False)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_truth(tmp_path_factory.mktemp("set") / "My-Set")


def test_a_result_is_scored_with_every_error_listed(data: Path, tmp_path: Path) -> None:
    result = write_result(tmp_path / "01_RES")
    notes: list[str] = []
    told: list[tuple[int, int]] = []
    done = evaluate_tracking(
        data,
        tmp_path / "out",
        predicted=result,
        progress=lambda *now: told.append(now),
        note=notes.append,
    )
    gold = dict(enumerate(TRUTH.labels))
    expected = score_tracking(TRUTH, PREDICTED, gold=gold)
    assert done.sequences.iloc[0][list(expected)].astype(float).to_dict() == pytest.approx(
        expected, nan_ok=True
    )
    content = json.loads(
        (tmp_path / "out" / "metrics.json").read_text(), parse_constant=pytest.fail
    )
    assert content["images"][0]["TRA"] == pytest.approx(expected["TRA"])
    assert pd.read_csv(tmp_path / "out" / "metrics.csv")["DET"].item() == expected["DET"]
    errors = pd.read_csv(tmp_path / "out" / "errors.csv", dtype={"sequence": str})
    assert len(errors) == sum(expected[name] for name in ("NS", "FN", "FP", "ED", "EA", "EC"))
    assert set(errors["sequence"]) == {"01"}
    page = done.report.read_text()
    assert "Errors" in page
    assert "edge missing" in page
    assert told[-1] == (8, 8)
    assert notes == ["My-Set 01: cells up to the edges are scored."]


def test_a_border_is_left_out(data: Path, tmp_path: Path) -> None:
    result = write_result(tmp_path / "01_RES")
    notes: list[str] = []
    done = evaluate_tracking(
        data, tmp_path / "out", predicted=result, border_px=8, note=notes.append
    )
    gold = dict(enumerate(TRUTH.labels))
    expected = score_tracking(TRUTH, PREDICTED, gold=gold, border_px=8)
    assert done.sequences["TRA"].item() == pytest.approx(expected["TRA"])
    assert notes == ["My-Set 01: cells wholly within 8 px of the edges are left out."]


def test_the_border_of_a_known_set_is_the_published_one(tmp_path: Path) -> None:
    folder = write_truth(tmp_path / "PhC-C2DL-PSC")
    result = write_result(tmp_path / "01_RES")
    with pytest.raises(TrackingError, match="border of 25 px leaves nothing of 40 × 40"):
        evaluate_tracking(folder, tmp_path / "out", predicted=result)
    done = evaluate_tracking(folder, tmp_path / "out", predicted=result, border_px=0)
    assert done.sequences["border_px"].item() == 0


def test_several_sequences_are_found_by_their_names(tmp_path: Path) -> None:
    folder = write_truth(write_truth(tmp_path / "two"), sequence="02")
    write_result(folder / "01_RES")
    write_result(folder / "02_RES", TRUTH)
    assert holds_tracks(folder)
    done = evaluate_tracking(folder, tmp_path / "out", predicted=folder)
    assert done.sequences["sequence"].tolist() == ["01", "02"]
    assert done.sequences["TRA"].tolist()[1] == 1
    assert set(done.errors["sequence"]) == {"01"}
    (tmp_path / "elsewhere").mkdir()
    lone = write_result(tmp_path / "elsewhere" / "mine")
    with pytest.raises(ConfigError, match="mine does not say which of the sequences 01, 02"):
        evaluate_tracking(folder, tmp_path / "out", predicted=lone)
    done = evaluate_tracking(folder / "02", tmp_path / "out", predicted=lone)
    assert done.sequences["sequence"].tolist() == ["02"]


def test_a_perfect_result_has_a_page_too(data: Path, tmp_path: Path) -> None:
    result = write_result(tmp_path / "01_RES", TRUTH)
    done = evaluate_tracking(data, tmp_path / "out", predicted=result)
    assert done.errors.empty
    assert "all cells are found and all links are right" in done.report.read_text()


def test_what_the_challenge_would_refuse_is_said(data: Path, tmp_path: Path) -> None:
    labels = [frame.copy() for frame in TRUTH.labels]
    long = TRUTH.tracks.assign(life=lambda t: t["last_frame"] - t["first_frame"]).nlargest(
        1, "life"
    )
    track, first = int(long["track_id"].item()), int(long["first_frame"].item())
    labels[first + 1][labels[first + 1] == track] = 0
    result = write_result(tmp_path / "01_RES", TrackedFrames(labels, TRUTH.tracks))
    notes: list[str] = []
    done = evaluate_tracking(data, tmp_path / "out", predicted=result, note=notes.append)
    assert done.sequences["valid"].item() == 0
    assert (
        f"not valid for the Challenge. Tracks are lost for some frames (1, such as {track})"
        in (notes[-1])
    )
    assert "is not valid for the Challenge" in done.report.read_text()


def test_what_cannot_be_scored(data: Path, tmp_path: Path) -> None:
    assert not holds_tracks(tmp_path)
    with pytest.raises(ConfigError, match=r"is no Challenge result: it needs res_track\.txt"):
        evaluate_tracking(data, tmp_path / "out", predicted=tmp_path)
    short = write_result(tmp_path / "a" / "01_RES", TrackedFrames(TRUTH.labels[:3], table([])))
    with pytest.raises(TrackingError, match="truth has 8 frames and the prediction 3"):
        evaluate_tracking(data, tmp_path / "out", predicted=short)
    nameless = write_result(tmp_path / "b" / "01_RES", TrackedFrames(TRUTH.labels, table([])))
    with pytest.raises(TrackingError, match="prediction has the label 1 in frame 0, but no such"):
        evaluate_tracking(data, tmp_path / "out", predicted=nameless)
    gone = write_result(tmp_path / "c" / "01_RES")
    (gone / "mask003.tif").unlink()
    with pytest.raises(ImageError, match=r"lacks mask003\.tif"):
        evaluate_tracking(data, tmp_path / "out", predicted=gone)
    only_images = write_truth(tmp_path / "d")
    (only_images / "01_GT" / "TRA" / "man_track.txt").unlink()
    with pytest.raises(ConfigError, match="has no true tracks of sequence 01; they are 01_GT/TRA"):
        evaluate_tracking(only_images, tmp_path / "out", predicted=short)
