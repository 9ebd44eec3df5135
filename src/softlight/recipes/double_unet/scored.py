"""The scores of one model on images that were made worse: masks, cells, edges, restored images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from softlight.data.degradation import Degradation
from softlight.data.degraded import degraded_samples
from softlight.data.samples import Sample
from softlight.evaluate.edges import edge_scores
from softlight.evaluate.restored import restored_scores
from softlight.inference.predict import Segmenter
from softlight.inference.restored import Restorer, restores
from softlight.io.files import replacing
from softlight.io.grey import to_grey
from softlight.io.labels import write_labels
from softlight.models.saved import load_model
from softlight.recipes.score import Scored, score_network, to_table

GIVEN, RESTORED, MASK, TRUTH, CLEAN = (
    f"{name}.tif" for name in ("given", "restored", "mask", "truth", "clean")
)


def scored_images(
    model: Path, samples: Sequence[Sample], how: Degradation, *, keep: Path | None = None
) -> pd.DataFrame:
    """A row an image: the scores of ``softlight evaluate``, of edges and of the image itself.

    ``psnr`` and ``ssim`` are of the image that the model restores before it finds the cells, on
    the scale of the true image; ``psnr_given`` and ``ssim_given`` of the image that it was given.
    ``seconds`` is the time of a prediction and ``parameters`` the size of the network.

    Args:
        model: the folder of a saved model.
        samples: annotated images, as good as there are.
        how: how they are made worse.
        keep: the first image, what is made of it, and what is true go here.
    """
    segmenter = Segmenter.from_saved(model)
    worse = degraded_samples(samples, how)
    scored = score_network(segmenter, worse)
    network, spec = load_model(model)
    restorer = Restorer(network, spec) if restores(spec) else None
    parameters = sum(tensor.numel() for tensor in network.parameters())
    for sample, item in zip(samples, scored, strict=True):
        _score_image(item, sample, restorer, keep if item is scored[0] else None)
        item.scores["seconds"] = _seconds(segmenter, item)
        item.scores["parameters"] = float(parameters)
    return to_table(scored)


def mean_dice(model: Path, samples: Sequence[Sample], how: Degradation) -> float:
    """The mean Dice over these images; nan where there is none."""
    if not samples:
        return float("nan")
    scored = score_network(
        Segmenter.from_saved(model), degraded_samples(samples, how), instances="no"
    )
    return float(np.nanmean([item.scores["dice"] for item in scored]))


def _score_image(
    item: Scored, sample: Sample, restorer: Restorer | None, keep: Path | None
) -> None:
    """Add what only the true image can tell to the scores."""
    true_raw, given_raw = sample.read().image, item.annotated.image
    true, given = to_grey(true_raw), to_grey(given_raw)
    mask = item.predicted > 0
    item.scores.update(edge_scores(mask, item.truth > 0, true, valid=item.annotated.valid))
    of_given = restored_scores(given, true)
    item.scores.update({f"{name}_given": value for name, value in of_given.items()})
    shown = given
    if restorer is not None:
        shown = to_grey(restorer.image(given_raw, like=true_raw))
        item.scores.update(restored_scores(shown, true))
    if keep is not None:
        for name, picture in ((GIVEN, given), (RESTORED, shown), (CLEAN, true)):
            with replacing(keep / name) as temporary:
                tifffile.imwrite(temporary, picture.astype(np.float32), compression="zlib")
        write_labels(keep / MASK, mask)
        write_labels(keep / TRUTH, item.truth > 0)


def _seconds(segmenter: Segmenter, item: Scored) -> float:
    began = time.perf_counter()
    segmenter.maps(item.annotated.image, pixel_size_um=item.annotated.pixel_size_um)
    return time.perf_counter() - began
