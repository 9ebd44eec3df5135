"""Samples whose raw images are made worse when they are read, annotation left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from softlight.config import DegradeConfig
from softlight.data.degradation import Degradation, DegradationError, degrade_frame
from softlight.data.degrade import drawn
from softlight.data.samples import Annotated, Sample


def degraded_samples(
    samples: Sequence[Sample], how: Degradation | DegradeConfig, *, seed: int = 0
) -> tuple[Sample, ...]:
    """The samples with raw images made worse: always alike for the same seed and position.

    Args:
        samples: as they are.
        how: one degradation for all, or settings within which each sample draws its own.
        seed: of all chance.
    """
    if isinstance(how, Degradation) and how.up == "none":
        raise DegradationError(
            'up is "none", but images that are scored must come back to the grid of their labels. '
            "Use bicubic or nearest."
        )
    found = []
    for number, sample in enumerate(samples):
        own = how
        if isinstance(own, DegradeConfig):
            own = drawn(own, np.random.default_rng([seed, number]))
        found.append(replace(sample, reader=_reader(sample, own, seed, number)))
    return tuple(found)


def _reader(sample: Sample, how: Degradation, seed: int, number: int) -> Callable[[], Annotated]:
    def read() -> Annotated:
        annotated = sample.read()
        image = annotated.image
        if not how.changes_nothing:
            # The number tells the noise of one image from the next; nothing bleaches between them.
            still = replace(how, bleaching=0.0)
            image = degrade_frame(image, still, seed=seed, frame=number)
        return replace(annotated, image=image)

    return read
