"""Offline expansion: a few annotated images written out as many augmented ones.

The network's own training augments on the fly and needs none of this; it is for publications that
describe a fixed, expanded set, and for looking at what the augmentation does.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from softlight.config import AugmentConfig
from softlight.data.augment import Augmenter
from softlight.data.normalize import percentiles
from softlight.io.files import replacing
from softlight.io.labels import as_labels, write_labels

Raw = npt.NDArray[Any]
Annotated = tuple[str, Raw, npt.NDArray[Any]]  # name, image (Y, X[, C]), labels (Y, X)

PUBLISHED_TOTAL = 1773  # from three images, as published


class ExpansionError(ValueError):
    """The images cannot be expanded into this folder."""


def expand(
    samples: Iterable[Annotated],
    *,
    out: Path | str,
    augment: AugmentConfig,
    total: int | None = None,
    copies: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """The number of pairs that ``out`` holds, ``images/<name>_<copy>.tif`` and ``labels/`` alike.

    Copy 0 of each image is the image itself; the others are augmented, of the same size and type.
    Each is seeded by itself: a call that was cut short goes on where it stopped, to the same files.

    Args:
        samples: Name, image (Y, X[, C]) and labels (Y, X) of each.
        out: The folder to write.
        augment: The changes. Photometric amounts are shares of the image's 1 % to 99 % range.
        total: Pairs in all, as even among the images as can be; 1,773 unless ``copies`` is given.
        copies: Pairs for each image.
        seed: Another seed, other copies.
        progress: Called with the pairs done and the pairs in all.
    """
    kept = [_checked(*sample) for sample in samples]
    counts = _counts([name for name, _, _ in kept], total=total, copies=copies)
    out = Path(out)
    _claim(out, {**_description(kept), "augment": augment.model_dump(mode="json"), "seed": seed})
    files = [
        [f"{name}_{copy:04d}.tif" for copy in range(count)]
        for (name, _, _), count in zip(kept, counts, strict=True)
    ]
    _refuse_others(out, {file for group in files for file in group})
    augmenter = Augmenter(augment)
    photometric = _changes_intensities(augment)
    done = 0
    for index, ((_, image, labels), group) in enumerate(zip(kept, files, strict=True)):
        for copy, file in enumerate(group):
            image_path, labels_path = out / "images" / file, out / "labels" / file
            if not (image_path.exists() and labels_path.exists()):
                rng = np.random.default_rng([seed, index, copy])
                pair = image, labels
                if copy:
                    pair = _augmented(image, labels, augmenter, rng, photometric)
                _write_image(image_path, pair[0])
                write_labels(labels_path, pair[1])
            done += 1
            if progress is not None:
                progress(done, sum(counts))
    return done


def _checked(name: str, image: Raw, labels: npt.NDArray[Any]) -> Annotated:
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.shape[:2] != labels.shape or image.size == 0:
        raise ExpansionError(
            f"{name}: the image is {image.shape} and the labels are {labels.shape}; "
            "they must be (Y, X[, C]) and (Y, X) of the same size."
        )
    if image.dtype.kind not in "iuf" or not np.isfinite(image).all():
        raise ExpansionError(
            f"{name}: the image is {image.dtype} or holds NaN; it must hold finite numbers."
        )
    if not name or Path(name).name != name:
        raise ExpansionError(f"{name!r} cannot name a file. Give the stem of the image's file.")
    return name, image, as_labels(np.asarray(labels), name)


def _counts(names: Sequence[str], *, total: int | None, copies: int | None) -> list[int]:
    if not names:
        raise ExpansionError("There is no image to expand. Give at least one with its labels.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ExpansionError(f"Several images are called {', '.join(twice)}. Rename them.")
    if total is not None and copies is not None:
        raise ExpansionError("Give total or copies, not both.")
    if copies is not None:
        if copies < 1:
            raise ExpansionError(f"copies is {copies}; it must be at least 1.")
        return [copies] * len(names)
    total = PUBLISHED_TOTAL if total is None else total
    if total < len(names):
        raise ExpansionError(f"total is {total} for {len(names)} images; it must not be fewer.")
    share, rest = divmod(total, len(names))
    return [share + (index < rest) for index in range(len(names))]


def _description(samples: Sequence[Annotated]) -> dict[str, Any]:
    return {
        "sources": {
            name: f"{zlib.crc32(image.tobytes()):08x}-{zlib.crc32(labels.tobytes()):08x}"
            for name, image, labels in samples
        }
    }


def _claim(out: Path, description: dict[str, Any]) -> None:
    """Ensures that ``out`` is new or was begun with the same images and settings."""
    path = out / "expansion.json"
    text = json.dumps(description, indent=2) + "\n"
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise ExpansionError(
                f"{out} holds an expansion of other images or settings. "
                "Choose another folder, or remove that one."
            )
        return
    if _pictures(out):
        raise ExpansionError(f"{out} holds images or labels already. Choose another folder.")
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _pictures(out: Path) -> set[str]:
    found = (path.name for folder in ("images", "labels") for path in (out / folder).glob("*"))
    return {name for name in found if not name.startswith(".")}  # a dot: cut while being written


def _refuse_others(out: Path, expected: set[str]) -> None:
    others = sorted(_pictures(out) - expected)
    if others:
        raise ExpansionError(
            f"{out} holds {others[0]}, which is not among the pairs asked for. "
            "Ask for as many as before, or choose another folder."
        )


def _changes_intensities(augment: AugmentConfig) -> bool:
    ranges = augment.contrast, augment.gamma
    amounts = augment.brightness, augment.noise, augment.blur_px
    return any(amounts) or any(pair != (1.0, 1.0) for pair in ranges)


def _augmented(
    image: Raw,
    labels: npt.NDArray[Any],
    augmenter: Augmenter,
    rng: np.random.Generator,
    photometric: bool,
) -> tuple[Raw, npt.NDArray[np.int32]]:
    """One copy in the image's own type: rounded, and cut to what the type holds."""
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0)
    offset, span = 0.0, 1.0
    if photometric:
        offset, high = percentiles(planes.reshape(-1, planes.shape[-1]), (1.0, 99.0))
        span = high - offset or 1.0
    scaled = ((planes.astype(np.float64) - offset) / span).astype(np.float32)
    changed, labels, _ = augmenter(scaled, labels, None, rng)
    raw = changed.astype(np.float64) * span + offset
    if image.dtype.kind in "iu":
        limits = np.iinfo(image.dtype)
        raw = np.clip(np.rint(raw), limits.min, limits.max)
    raw = raw.astype(image.dtype)
    return raw[0] if image.ndim == 2 else np.moveaxis(raw, 0, 2), labels


def _write_image(path: Path, image: Raw) -> None:
    colour = image.ndim == 3 and image.shape[2] in (3, 4)
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            np.ascontiguousarray(image),
            compression="zlib",
            photometric="rgb" if colour else "minisblack",
            metadata={"axes": "YXS" if colour else "YXC"[: image.ndim]},
            software="softlight",
        )
