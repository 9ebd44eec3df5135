"""Which samples train and which are held out, so that twins are never on both sides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from softlight.config import DataConfig
from softlight.data.samples import DataError, Sample, counted, listed

By = Literal["group", "image"]
Item = TypeVar("Item")
Unit = tuple[Sample, ...]  # samples that stay on one side

_DEALS = 200  # tried for balanced folds, fewer with many units
_DEALT_UNITS = 20_000


@dataclass(frozen=True)
class Split:
    """The samples to train on, those to validate on, and how they were chosen."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    note: str = ""


@dataclass(frozen=True)
class Fold:
    """One round of cross-validation: every sample is tested in exactly one fold."""

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    note: str = ""


def split_as(samples: Sequence[Sample], config: DataConfig, *, seed: int) -> Split:
    """The split that the settings ask for: so many images, or a fraction of them."""
    return split_fraction(
        samples,
        config.validation_fraction,
        images=config.validation_images,
        by=config.split_by,
        seed=seed,
    )


def split_fraction(
    samples: Sequence[Sample],
    fraction: float,
    *,
    images: int = 0,
    by: By = "group",
    seed: int = 0,
) -> Split:
    """A split whose validation part is about this fraction of the images, at least one.

    With ``images`` it is that many in place of the fraction, where groups allow it.

    Whole groups (wells, movies) are held out. With a single group its images are cut in order, the
    last ones validating, because neighbours in time are nearly the same image. With a single image
    it trains and validates.
    """
    _need_samples(samples)
    if not 0 <= fraction < 1:
        raise DataError(f"The validation fraction is {fraction}; give one from 0 to below 1.")
    if images and images >= len(samples):
        raise DataError(
            f"{counted(images, 'image')} cannot validate, for there are only {len(samples)} and at "
            "least one must train. Ask for fewer (data.validation_images)."
        )
    fraction = images / len(samples) if images else fraction
    if len(samples) == 1 or fraction == 0:
        why = "There is one image" if len(samples) == 1 else "No image is held out (fraction 0)"
        note = (
            f"{why}, so validation uses what is trained on: its scores say that training works, "
            "not how good the model is on new images."
        )
        return Split(tuple(samples), tuple(samples), note)
    wanted = images or min(max(1, round(fraction * len(samples))), len(samples) - 1)
    units = _units(samples, by)
    if len(units) == 1:
        ordered = _in_order(samples)
        note = (
            f"All {len(samples)} images belong to {_name(units[0], by)}, so the last {wanted} in "
            "order of name validate; scores on another well or movie will be lower."
        )
        return Split(tuple(ordered[:-wanted]), tuple(ordered[-wanted:]), note)
    chosen = _choose_units(units, wanted, seed)
    held_out = {sample.name for unit in chosen for sample in unit}
    train, validation = _parted(samples, held_out)
    kind = "groups (wells or movies)" if by == "group" else "images"
    note = (
        f"{counted(len(validation), 'image')} of {len(samples)} validate: "
        f"{len(chosen)} of {len(units)} {kind}."
    )
    return Split(train, validation, note)


def spread(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """At most so many items, evenly spread in the order given; all of them where most is 0."""
    if most == 0 or len(items) <= most:
        return tuple(items)
    chosen = np.linspace(0, len(items) - 1, most).round().astype(int)
    return tuple(items[index] for index in chosen)


def split_list(samples: Sequence[Sample], names: Iterable[str]) -> Split:
    """A split whose validation part is the named samples; a name may be a stem or a group."""
    _need_samples(samples)
    wanted = [name.strip() for name in names if name.strip()]
    known = {sample.name for sample in samples} | {sample.group for sample in samples}
    unknown = [name for name in wanted if name not in known and _stem(name) not in known]
    if unknown:
        raise DataError(
            f"Not in the data set: {listed(unknown)}. Names of images are like "
            f"{samples[0].name}, names of groups like {samples[0].group}."
        )
    accepted = set(wanted) | {_stem(name) for name in wanted}
    held_out = {s.name for s in samples if s.name in accepted or s.group in accepted}
    if not held_out:
        raise DataError("The list of validation images is empty. Name at least one image or group.")
    if len(held_out) == len(samples):
        raise DataError("The list names every image, so none is left to train on. Shorten it.")
    train, validation = _parted(samples, held_out)
    shared = sorted({s.group for s in train} & {s.group for s in validation})
    note = f"{counted(len(validation), 'image')} of {len(samples)} validate, as listed."
    if shared:
        note += f" Training and validation share {listed(shared, shown=5)}: scores are optimistic."
    return Split(train, validation, note)


def folds(samples: Sequence[Sample], k: int, *, by: By = "group", seed: int = 0) -> list[Fold]:
    """``k`` folds of about equal size, groups undivided, cell types spread over them.

    One movie alone is cut into ``k`` contiguous blocks of time, and the note says so.
    """
    _need_samples(samples)
    if k < 2:
        raise DataError(f"Cross-validation needs at least 2 folds, not {k}.")
    units = _units(samples, by)
    note = ""
    if len(units) == 1:
        if len(samples) < k:
            raise DataError(_too_few(k, len(samples), "image"))
        blocks = np.array_split(np.arange(len(samples)), k)
        ordered = _in_order(samples)
        parts = [{ordered[i].name for i in block} for block in blocks]
        note = (
            f"All images belong to {_name(units[0], by)}, so the folds are {k} contiguous blocks "
            "in order of name; scores on another well or movie will be lower."
        )
    else:
        if len(units) < k:
            raise DataError(_too_few(k, len(units), "group" if by == "group" else "image"))
        parts = _spread(units, k, seed)
    return [Fold(*_parted(samples, part), note) for part in parts]


def _need_samples(samples: Sequence[Sample]) -> None:
    if not samples:
        raise DataError("There is no image to split. Give a data set with at least one.")
    twice = [name for name, count in Counter(s.name for s in samples).items() if count > 1]
    if twice:
        raise DataError(f"Names of images must differ; these come twice: {listed(twice)}.")


def _too_few(k: int, number: int, noun: str) -> str:
    advice = "" if noun == "image" else " or split by image"
    return (
        f"{k} folds need at least {k} {noun}s; there {'is' if number == 1 else 'are'} "
        f"{counted(number, noun)}. Ask for fewer folds{advice}."
    )


def _stem(name: str) -> str:
    """The name without the suffix of an image file, if it has one."""
    head, dot, suffix = name.rpartition(".")
    return head if dot and suffix.lower() in {"tif", "tiff", "png", "jpg", "jpeg"} else name


def _name(unit: Unit, by: By) -> str:
    return f"one group ({unit[0].group})" if by == "group" else "one image"


def _in_order(samples: Sequence[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda sample: sample.name)


def _parted(
    samples: Sequence[Sample], held_out: set[str]
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """(the others, the held-out samples), both in the order given."""
    return (
        tuple(sample for sample in samples if sample.name not in held_out),
        tuple(sample for sample in samples if sample.name in held_out),
    )


def _units(samples: Sequence[Sample], by: By) -> list[Unit]:
    """What must stay together, in order of name whatever the order given."""
    if by == "image":
        return [(sample,) for sample in _in_order(samples)]
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in _in_order(samples):
        groups[sample.group].append(sample)
    return [tuple(groups[name]) for name in sorted(groups)]


def _stratum(unit: Unit) -> str:
    """The commonest cell type of the unit; of several data sets, with the name of its set."""
    kinds = (f"{s.tags.get('set', '')} {s.tags.get('cell_type', '')}" for s in unit)
    return Counter(kinds).most_common(1)[0][0]


def _choose_units(units: Sequence[Unit], wanted: int, seed: int) -> list[Unit]:
    """Units that together hold about ``wanted`` images, taken from the cell types in turn.

    A cell type gives its last unit only when every type is down to one, so that what is validated
    was also seen in training where that is possible.
    """
    rng = np.random.default_rng(seed)
    left: dict[str, list[Unit]] = defaultdict(list)
    for index in rng.permutation(len(units)):
        left[_stratum(units[index])].append(units[index])
    given: Counter[str] = Counter()
    chosen: list[Unit] = []
    size = 0
    while size < wanted and len(chosen) < len(units) - 1:
        stratum = min(
            (name for name in left if left[name]),
            key=lambda name: (len(left[name]) == 1, given[name], -len(left[name])),
        )
        missing = wanted - size
        best = min(left[stratum], key=lambda unit: abs(len(unit) - missing))
        if chosen and size + len(best) - wanted > missing:
            break  # closer without it
        left[stratum].remove(best)
        given[stratum] += len(best)
        chosen.append(best)
        size += len(best)
    return chosen


def _spread(units: Sequence[Unit], k: int, seed: int) -> list[set[str]]:
    """The names of ``k`` parts, the best of many greedy deals.

    Best means: no cell type wholly in one part if it has several units, then parts of equal size,
    then the units of a type far apart.
    """
    rng = np.random.default_rng(seed)
    tries = max(1, min(_DEALS, _DEALT_UNITS // len(units)))
    deals = (_deal([units[i] for i in rng.permutation(len(units))], k) for _ in range(tries))
    best = min(deals, key=_unevenness)
    return [{sample.name for unit in part for sample in unit} for part in best]


def _deal(units: Sequence[Unit], k: int) -> list[list[Unit]]:
    """The large units first, each to the smallest part, of these to what has least of its type."""
    parts: list[list[Unit]] = [[] for _ in range(k)]
    size = [0] * k
    of_type: list[Counter[str]] = [Counter() for _ in range(k)]
    for unit in sorted(units, key=len, reverse=True):
        stratum = _stratum(unit)
        chosen = min(range(k), key=lambda part: (size[part], of_type[part][stratum]))
        parts[chosen].append(unit)
        size[chosen] += len(unit)
        of_type[chosen][stratum] += 1
    return parts


def _unevenness(parts: Sequence[Sequence[Unit]]) -> tuple[int, int, int]:
    """(types that only one part has, difference of part sizes, units of a type that share one)."""
    sizes = [sum(len(unit) for unit in part) for part in parts]
    counts = [Counter(_stratum(unit) for unit in part) for part in parts]
    total: Counter[str] = sum(counts, Counter())
    alone = sum(1 for stratum, n in total.items() if n > 1 and any(c[stratum] == n for c in counts))
    sharing = sum(number - 1 for count in counts for number in count.values())
    return alone, max(sizes) - min(sizes), sharing
