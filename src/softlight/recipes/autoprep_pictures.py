"""The filters that a trained system makes and the images that they translate, as in figure 6."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from softlight.data.normalize import Preprocessor
from softlight.data.samples import Sample
from softlight.models.autoprep import AutoPrep
from softlight.models.saved import load_model
from softlight.recipes.crossval import HELD_OUT
from softlight.recipes.system import Runs
from softlight.report.blocks import Block, Picture, Section, Text
from softlight.report.filters import picture_of_filters

Pixels = npt.NDArray[np.float32]
SYSTEM = "autoprep-learned"
SHOWN = 3  # images of each set
_ABOUT = (
    "What the first network makes of images that were held out: its filters, as many as there are "
    "classes, and the translated images that the second network segments. Each filter is added to "
    "the image. Nothing but training ties a filter to a class."
)


def sections(runs: Sequence[Runs]) -> list[Section]:
    """Filters and translated images of some images held out by the first fold."""
    return [
        Section(f"Filters on {run.name}", [Text(_ABOUT), *_blocks(run)])
        for run in runs
        if (run.out / SYSTEM / "fold-1").is_dir()
    ]


def _blocks(run: Runs) -> list[Block]:
    folder = run.out / SYSTEM / "fold-1"
    names = (folder / HELD_OUT).read_text(encoding="utf-8").splitlines()
    by_name = {sample.name: sample for sample in run.dataset.samples}
    network, spec = load_model(folder)
    assert isinstance(network, AutoPrep)
    preprocessor = Preprocessor(spec.preprocess, in_channels=spec.model.in_channels)
    weights = ", ".join(
        f"{name} {weight:.3f}"
        for name, weight in zip(network.answers, network.weights.tolist(), strict=True)
    )
    return [
        *(picture_of(by_name[name], network, preprocessor) for name in names[:SHOWN]),
        Text(f"The weights of the ensemble after training: {weights}."),
    ]


@torch.inference_mode()
def picture_of(sample: Sample, network: AutoPrep, preprocessor: Preprocessor) -> Picture:
    """The filters of one image and what they make of it."""
    annotated = sample.read()
    image = preprocessor.image(annotated.image, pixel_size_um=annotated.pixel_size_um)
    said = network.translate(torch.from_numpy(np.ascontiguousarray(image))[None])
    return picture_of_filters(
        sample.name,
        _shown(image),
        said.filters[0].numpy(),
        np.stack([_shown(one) for one in said.images[0].numpy()]),
        names=[str(number) for number in range(1, network.maps + 1)],
    )


def _shown(image: Pixels) -> Pixels:
    """(C, Y, X) as pictures are: (Y, X), or (Y, X, 3) in colour."""
    return np.moveaxis(image, 0, 2) if len(image) == 3 else image[0]
