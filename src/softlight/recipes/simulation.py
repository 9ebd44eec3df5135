"""Simulated movies and training sets on disk, and stand-ins for the published data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from softlight.config import ConfigError
from softlight.io.files import replacing
from softlight.io.labels import write_labels
from softlight.simulate.movie import simulate
from softlight.simulate.scene import Modality, Morphology, Scene
from softlight.simulate.tissue import CLASSES, Kind, simulate_tissue
from softlight.simulate.variety import random_scene
from softlight.simulate.write import frame_stems, write_paired, write_simulation

Progress = Callable[[int, int], None]

_STAND_INS: dict[str, Modality] = {
    "livecell-unet": "phase",
    "double-unet": "phase",
    "ctc-unet": "fluorescence",
    "is-this-cell-alive": "fluorescence",
}
_IMAGES = {"livecell-unet": 8, "double-unet": 8, "ctc-unet": 8, "is-this-cell-alive": 4}


def simulate_movie(out: Path, scene: Scene, *, progress: Progress | None = None) -> None:
    """One movie with its truth in every form; see ``write_simulation``."""
    _refuse_others(out, {f"{stem}.tif" for stem in frame_stems(scene)})
    write_simulation(out, simulate(scene, progress=progress))


def simulate_varied(
    out: Path,
    *,
    count: int,
    modality: Modality,
    morphology: Morphology | None = None,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """So many random scenes of one frame each, as ``images/`` and ``labels/`` to train on.

    Their morphology is drawn too where none is given; round fluorescent cells are stained nuclei.
    """
    if count < 1:
        raise ConfigError(f"{count} scenes were asked for; ask for at least one.")
    rng = np.random.default_rng(seed)
    digits = len(str(count - 1))
    names = [f"scene{number:0{digits}d}" for number in range(count)]
    _refuse_others(out, {f"{name}_t000.tif" for name in names})
    for number, name in enumerate(names):
        scene = random_scene(rng, modality=modality, morphology=morphology, size=size)
        write_paired(out, simulate(scene), name=name)
        if progress is not None:
            progress(number + 1, count)


def simulate_classes(
    kind: Kind,
    out: Path,
    *,
    images: int,
    seed: int = 0,
    size: tuple[int, int] = (256, 256),
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """So many images of tissue in ``images/``, classes in ``labels/``; gives the classes' names.

    The same seed gives the same files, and more images begin with those of fewer.

    Args:
        kind: "three-class" (cytoplasm, membrane, nucleus) or "membrane" (background, membrane).
        out: the folder.
        images: how many.
        seed: of every random draw.
        size: height and width in pixels.
        progress: told (done, total).
    """
    if images < 1:
        raise ConfigError(f"{images} images were asked for; ask for at least one.")
    digits = max(2, len(str(images - 1)))
    names = [f"tissue{number:0{digits}d}" for number in range(images)]
    _refuse_others(out, {f"{name}.tif" for name in names})
    for number, name in enumerate(names):
        tissue = simulate_tissue(kind, np.random.default_rng([seed, number]), size=size)
        with replacing(out / "images" / f"{name}.tif") as temporary:
            tifffile.imwrite(temporary, tissue.image, compression="zlib")
        write_labels(out / "labels" / f"{name}.tif", tissue.classes)
        if progress is not None:
            progress(number + 1, images)
    return CLASSES[kind]


def simulate_stand_in(name: str, out: Path, *, quick: bool) -> Path:
    """A folder of simulated images of the kind that this published system was made for."""
    side = 192 if quick else 384
    count = 4 if quick else _IMAGES[name]
    simulate_varied(out, count=count, modality=_STAND_INS[name], size=(side, side), seed=1)
    return out


def _refuse_others(out: Path, expected: set[str]) -> None:
    """Raise where images of another simulation would stay among those of this one.

    They would be trained on as if they belonged to it, and the folder would not be a function of
    the seed any more. The same files again are fine: they are replaced.
    """
    for folder in (out / "images", out / "labels"):
        others = sorted(path.name for path in folder.glob("[!.]*") if path.name not in expected)
        if others:
            raise ConfigError(
                f"{folder} holds {others[0]}, which is not of this simulation. Choose another "
                "folder, or remove that one."
            )
