"""What a network that restores images has learned: pictures while it trains, and its report."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from softlight.config import Recipe, to_toml
from softlight.data.loader import Decoded, decode
from softlight.data.normalize import Preprocessor
from softlight.data.splits import Split, spread
from softlight.models.outputs import restored_image
from softlight.recipes.pictures import RunPictures
from softlight.recipes.provenance import stamp
from softlight.recipes.train import Trained, puzzles
from softlight.report.blocks import Block, Facts, Notice, Picture, Section, Settings, Text
from softlight.report.figures import side_by_side, to_jpeg
from softlight.report.html import write_report
from softlight.report.pictures import charts_of_training
from softlight.report.view import Pixels, View

SHOWN = 4  # crops in the report, the first two of them while training goes on
COLUMNS = ("made worse", "restored", "as it was")
_GAIN = (
    "A peak signal-to-noise ratio of 1 dB more is a fifth less mean square error. What matters is "
    "not this number, but whether training from here finds more cells: compare it with training "
    "from nothing by softlight crossval, with and without --init."
)


class RestorePictures(RunPictures):
    """Shows crops that were made worse, what the network makes of them, and what they were."""

    def __init__(self, folder: Path, recipe: Recipe, split: Split) -> None:
        super().__init__(folder)
        preprocessor = Preprocessor(recipe.preprocess, in_channels=recipe.model.in_channels)
        chosen = spread(split.validation or split.train, SHOWN)
        images = decode(chosen, preprocessor, 2, target="image")
        self.crops = puzzles(images, recipe)
        self.residual = recipe.model.residual

    def drawn(self, network: nn.Module) -> Pixels:
        """Two crops below each other."""
        return np.concatenate([picture for _, picture in self.rows(network, most=2)])

    def rows(self, network: nn.Module, *, most: int = SHOWN) -> list[tuple[str, Pixels]]:
        """Name and picture of each crop: made worse, restored, as it was."""
        still = copy.deepcopy(network).eval().cpu()  # training goes on with the other
        return [(crop.name, _row(crop, still, self.residual)) for crop in self.crops[:most]]


@torch.inference_mode()
def _row(crop: Decoded, network: nn.Module, residual: bool) -> Pixels:
    image = torch.from_numpy(crop.image)[None]
    said = network(image).logits.float()
    restored = restored_image(image, said, residual=residual)[0].numpy()
    assert crop.clean is not None
    strip = np.concatenate([crop.image, restored, crop.clean], axis=2)  # one stretch for the three
    shown = np.moveaxis(strip, 0, 2) if len(strip) == 3 else strip[0]
    picture = View(enlarge=max(1, 384 // crop.clean.shape[1])).picture(shown)
    return side_by_side(list(zip(COLUMNS, np.split(picture, 3, axis=1), strict=True)))


def pretraining_page(trained: Trained, recipe: Recipe, pictures: RestorePictures) -> Path:
    """``report.html`` of a network that restores images: curves, crops, settings."""
    result = trained.result
    best = result.history[result.best_epoch - 1]
    apart = len(trained.split.validation) if trained.split.validation != trained.split.train else 0
    notices: list[Block] = [Notice(warning) for warning in result.warnings]
    if not apart:
        notices.append(Notice("No image was held out: the crops shown are of images trained on."))
    crops: list[Block] = [_block(name, row) for name, row in pictures.rows(result.network)]
    return write_report(
        trained.folder,
        title=f"Pre-training of {trained.spec.name}",
        subtitle=f"{len(trained.split.train)} images without annotation; {trained.split.note}",
        summary=[
            ("restored", f"{best['val_psnr']:.1f} dB"),
            ("made worse", f"{best['val_psnr_degraded']:.1f} dB"),
            ("training images", len(trained.split.train)),
            ("minutes", f"{result.history[-1]['minutes']:.1f}"),
        ],
        sections=[
            Section("Training", [*notices, *charts_of_training(result.history), Text(_GAIN)]),
            Section("Pictures", crops),
            Section("How it was made", [Facts(list(stamp().items())), Settings(to_toml(recipe))]),
        ],
        footer=f"Softlight {stamp()['softlight']}",
    )


def _block(name: str, row: Pixels) -> Picture:
    return Picture(
        title=name,
        alt=f"{name}: {', '.join(COLUMNS)}",
        image=to_jpeg(row),
        size=(row.shape[0], row.shape[1]),
    )
