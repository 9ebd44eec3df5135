"""Scores of every image for every tool."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from softlight.data.samples import Sample
from softlight.evaluate.instance import score_instances
from softlight.evaluate.table import per_image_table


def score_labels(
    tool: str, samples: Sequence[Sample], labels: Path, found: Mapping[str, Any], **keys: Any
) -> pd.DataFrame:
    """One row an image: the tool, the image, its scores, and the seconds that it took.

    Args:
        tool: goes into the column of that name.
        samples: the images with their truth.
        labels: the folder of the labels that the tool found, named as the samples.
        found: what the prediction measured: ``seconds`` of each image.
        keys: further columns, the same for all rows.
    """
    rows = []
    for sample in samples:
        annotated = sample.read()
        cells = tifffile.imread(labels / f"{sample.name}.tif")
        scores = score_instances(
            annotated.labels, cells.reshape(annotated.labels.shape), valid=annotated.valid
        )
        rows.append(
            {
                "tool": tool,
                **keys,
                "image": sample.name,
                "group": sample.group,
                "cell_type": sample.tags.get("cell_type", "all"),
                **{name: float(value) for name, value in scores.items()},
                "seconds": float(median(found["seconds"][sample.name])),
            }
        )
    return per_image_table(rows)


def nearest_to(samples: Sequence[Sample], shape: tuple[int, int], cells: int) -> Sample:
    """The sample of this shape with about so many cells; of another shape where none has it."""

    def distance(sample: Sample) -> tuple[bool, int]:
        labels = sample.read().labels
        return labels.shape != shape, abs(len(np.unique(labels[labels > 0])) - cells)

    return min(samples, key=distance)
