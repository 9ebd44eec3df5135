"""Several data sets as one: nothing of one is taken for something of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from softlight.data.samples import DataError, DataSet, Sample, listed
from softlight.data.single_cells import MASKS, are_masks


def joined(datasets: Sequence[DataSet]) -> DataSet:
    """The samples of all sets, in their order, each tagged with the ``set`` that it is of.

    A name that comes in two sets gets that of its set before it, ``dish/t000``; so does a group,
    but for the wells of LIVECell: these are the same cells in whatever folder they lie, and stay
    together. Where some sets tell cells apart and others hold masks, the masks are marked as such.
    """
    _refuse_twice(datasets)
    names = _set_names(datasets)
    shared = _in_several([{s.name for s in each.samples} for each in datasets])
    split = _in_several([{s.group for s in each.samples if not _well(s)} for each in datasets])
    masks = [are_masks(each.samples) for each in datasets]
    samples: list[Sample] = []
    notes: list[str] = []
    for name, each, of_masks in zip(names, datasets, masks, strict=True):
        tags = {"set": name}
        notes += [f"{name}: {note}" for note in each.notes]
        if of_masks and not all(masks):
            tags["annotation"] = MASKS
            notes.append(
                f"{name}: its labels do not tell touching cells apart; where single cells are "
                "learned, it teaches the foreground only."
            )
        samples += [
            replace(
                sample,
                name=f"{name}/{sample.name}" if sample.name in shared else sample.name,
                group=f"{name}/{sample.group}" if sample.group in split else sample.group,
                tags={**tags, **sample.tags},
            )
            for sample in each.samples
        ]
    return DataSet(
        name=", ".join(names),
        kind="several",
        source=datasets[0].source,
        samples=tuple(samples),
        notes=tuple(notes),
        joined=tuple(names),
    )


def _well(sample: Sample) -> bool:
    return "well" in sample.tags


def _in_several(sets: Sequence[set[str]]) -> set[str]:
    """What is in more than one of them."""
    return {item for item, count in Counter(i for each in sets for i in each).items() if count > 1}


def _refuse_twice(datasets: Sequence[DataSet]) -> None:
    places = Counter(each.source.resolve() for each in datasets)
    twice = [str(place) for place, count in places.items() if count > 1]
    if twice:
        raise DataError(f"Given more than once: {listed(twice)}. Give each folder once.")


def _set_names(datasets: Sequence[DataSet]) -> list[str]:
    """The name of each set, with the folder above where names come twice, else the whole path."""
    names = [each.name for each in datasets]
    if max(Counter(names).values()) > 1:
        above = [each.source.resolve().parent.name for each in datasets]
        names = [f"{folder}/{name}" for folder, name in zip(above, names, strict=True)]
    if max(Counter(names).values()) > 1:
        names = [each.source.resolve().as_posix() for each in datasets]
    return names
