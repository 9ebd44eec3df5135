"""The Double U-Net as a published system: its own regimes, and those that it must be held against.

Bhandary et al. put a network that restores before one that never saw a degraded image. The same
is run with the paper's settings, whose names begin with ``paper``, and with those of single cells.
"""

from __future__ import annotations

from pathlib import Path

from softlight.data.degradation import Degradation
from softlight.recipes.double_unet.pictures import pictures
from softlight.recipes.double_unet.regime import Regime
from softlight.recipes.double_unet.tables import tables
from softlight.recipes.simulation import simulate_stand_in
from softlight.recipes.system import System, Variant

FACTORS = (0.25, 0.125)  # the paper's
PHOTONS = (100, 50, 20, 10, 5)  # where the image is brightest
MEASURES = (
    *("dice", "dice_validation", "iou", "boundary_dice"),
    *("edge_dice", "edge_dice_image", "dice_on_edges", "ap50", "ap", "count_error_abs"),
    *("psnr", "ssim", "psnr_given", "ssim_given", "minutes", "parameters", "seconds"),
)
_QUIET = {"train.trust": False}  # no intervals are asked for


def _regimes_of(recipe: str, restorer: str, prefix: str = "") -> list[Variant]:
    """The ceiling, the floor and the paper's way, with one recipe for the segmenter."""
    network = f"{prefix}segmenter"

    def regime(name: str, how: Degradation, restores: str = "") -> Variant:
        settings = {"degrade.factor": [how.factor, how.factor]} if restores else {}
        run = Regime(network, how, restores, settings)
        return Variant(recipe, f"{prefix}{name}", settings=_QUIET, run=run)

    worse = {factor: Degradation(factor=factor) for factor in FACTORS}
    return [
        regime("ceiling", Degradation()),
        *(regime(f"floor-{factor:g}", how) for factor, how in worse.items()),
        *(regime(f"restored-{factor:g}", how, restorer) for factor, how in worse.items()),
    ]


def _trained_on_worse(name: str, recipe: str) -> list[Variant]:
    """A network a factor, trained on images that have lost as much as those it is scored on."""
    return [
        Variant(
            recipe,
            f"{name}-{factor:g}",
            settings={**_QUIET, "degrade.factor": [factor, factor]},
            run=Regime(f"{name}-{factor:g}", Degradation(factor=factor)),
        )
        for factor in FACTORS
    ]


def _of_all() -> list[Variant]:
    """One network for every factor and every number of photons."""
    whole = [Degradation(), *(Degradation(factor=factor) for factor in FACTORS)]
    dim = [Degradation(photons=photons) for photons in PHOTONS]
    every = [("all", "double-unet-all", how) for how in whole + dim]
    every += [("floor", "double-unet-cells", how) for how in dim]
    return [
        Variant(
            recipe,
            f"{name}-{how.factor:g}" if how.photons is None else f"{name}-{how.photons:g}-photons",
            settings=_QUIET,
            run=Regime("all" if name == "all" else "segmenter", how),
        )
        for name, recipe, how in every
    ]


def _stand_in(out: Path, quick: bool) -> Path:
    return simulate_stand_in("double-unet", out, quick=quick)


DOUBLE_UNET = System(
    variants=(
        *_regimes_of("double-unet", "double-unet-restorer", "paper-"),
        *_regimes_of("double-unet-cells", "double-unet-cells-restorer"),
        *_trained_on_worse("control", "double-unet-control"),
        *_trained_on_worse("joint", "double-unet-joint"),
        *_of_all(),
    ),
    stand_ins={"simulated": _stand_in},
    measures=MEASURES,
    tables=tables,
    sections=pictures,
)
