"""Automatic preprocessing (Kato and Hotta) as a system to re-run: what is compared, on what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from softlight.config import ConfigError
from softlight.data.samples import DataSet
from softlight.recipes.autoprep_pictures import sections
from softlight.recipes.autoprep_tables import tables
from softlight.recipes.simulation import simulate_classes
from softlight.recipes.system import StandIn, System, Variant
from softlight.simulate.tissue import CLASSES, Kind

USUAL_CLASSES = {len(names): names for names in CLASSES.values()}
MOST_CLASSES = 16


def adapt(dataset: DataSet, given: Mapping[str, object]) -> dict[str, object]:
    """The settings that fit the recipe to a set: its classes, and as many channels as its images.

    Classes that were given by name are taken; otherwise two or three get the names of the paper.
    """
    highest, channels = 0, 1
    for sample in dataset.samples:
        annotated = sample.read()
        highest = max(highest, int(annotated.labels.max()))
        channels = 3 if annotated.image.ndim == 3 else channels
    classes = given.get("classes")
    if classes is None:
        classes = _usual(highest + 1, dataset)
    if not isinstance(classes, list | tuple):
        raise ConfigError(f'classes is {classes!r}; give names, as ["background", "membrane"].')
    return {
        "classes": list(classes),
        "model.out_channels": len(classes),
        "model.in_channels": channels,
    }


def _usual(count: int, dataset: DataSet) -> tuple[str, ...]:
    """Names for so many classes."""
    if not 2 <= count <= MOST_CLASSES:
        raise ConfigError(
            f"The labels of {dataset.name} go up to {count - 1}; this system needs classes, of "
            f"values from 0 to at most {MOST_CLASSES - 1}. Give --data with such labels."
        )
    others = tuple(f"class_{value}" for value in range(count))
    return USUAL_CLASSES.get(count, others)


def _tissue(kind: Kind, images: int) -> StandIn:
    def stand_in(out: Path, quick: bool) -> Path:
        side = 128 if quick else 256
        simulate_classes(kind, out, images=4 if quick else images, seed=1, size=(side, side))
        return out

    return stand_in


def _variant(title: str, /, **settings: str) -> Variant:
    return Variant("autoprep", title, {f"model.{key}": value for key, value in settings.items()})


AUTOPREP = System(
    variants=(
        _variant("unet", name="unet"),
        _variant("unetpp", name="unetpp"),
        _variant("attention-unet", name="attention-unet"),
        _variant("autoprep-none", ensemble="none"),
        _variant("autoprep-fixed", ensemble="fixed"),
        _variant("autoprep-learned", ensemble="learned"),
    ),
    stand_ins={"three-class": _tissue("three-class", 50), "membrane": _tissue("membrane", 48)},
    measures=("miou", "mdice", "pixel_accuracy", "loss", "boundary_dice", "rand_error", "voi"),
    folds=5,
    adapt=adapt,
    tables=tables,
    sections=sections,
)
