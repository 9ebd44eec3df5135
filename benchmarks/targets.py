"""What each way of telling cells apart loses by itself, without any network.

    python benchmarks/targets.py --data ../shared/data --doubt 0
    python benchmarks/targets.py --data ../shared/data --doubt 1

Label images become maps and maps become cells again. With a doubt of 0 the maps are exact: what is
lost then, no network can win. With more they are the mean over annotations that are as plausible
(outlines moved, neighbours taken for one cell, cells taken for two), blurred, with noise added:
what a network that cannot decide gives. The same settings for all images.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from softlight.data.targets import flow_targets
from softlight.evaluate.instance import score_instances
from softlight.evaluate.table import markdown_table
from softlight.instances.flows import split_by_flow
from softlight.instances.split import split_components, split_touching
from softlight.io.labels import read_labels

Labels = NDArray[np.int32]
Maps = NDArray[np.float32]

ANNOTATIONS = 3  # plausible ones that a doubtful map is the mean of
MIN_AREA_PX = 20
GOWT1_COMPLETE = (21, 31, 33, 39)


def images(data: Path, limit: int) -> Iterator[tuple[str, Labels]]:
    """The group and the labels of each image; in each set at most ``limit`` (0: all)."""
    gowt1 = data / "ctc/Fluo-N2DH-GOWT1/01_GT/SEG"
    sets = {
        "Usiigaci": sorted((data / "stills/usiigaci_phase/labels").iterdir()),
        "DSB2018": sorted((data / "stills/dsb2018_nuclei/labels").iterdir())[:40],
        "GOWT1": [gowt1 / f"man_seg{frame:03d}.tif" for frame in GOWT1_COMPLETE],
    }
    for path in sorted((data / "livecell/labels").iterdir()):
        yield path.name.split("_")[0], read_labels(path)
    for name, paths in sets.items():
        for path in paths[: limit or None]:
            yield name, read_labels(path)


def plausible(labels: Labels, doubt: float, rng: np.random.Generator) -> Labels:
    """Another annotation of the same cells, the further off the greater the doubt."""
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    moved = []
    for start, size in ((rows, labels.shape[0]), (columns, labels.shape[1])):
        shift = ndimage.gaussian_filter(rng.standard_normal(labels.shape), 4)
        moved.append(np.rint(start + doubt * shift / shift.std()).clip(0, size - 1).astype(int))
    return _some_cut(_some_joined(labels[tuple(moved)], 0.15 * doubt, rng), 0.05 * doubt, rng)


def _some_joined(labels: Labels, share: float, rng: np.random.Generator) -> Labels:
    """This share of the pairs of neighbours as one cell each."""
    pairs = []
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        p, q = labels[one], labels[other]
        border = (p != q) & (p > 0) & (q > 0)
        pairs.append(np.stack([p[border], q[border]], axis=1))
    joined, used = np.arange(labels.max() + 1, dtype=np.int32), set[int]()
    for first, second in np.unique(np.concatenate(pairs), axis=0).tolist():
        if rng.random() < share and not {first, second} & used:
            used |= {first, second}
            joined[second] = first
    return joined[labels]


def _some_cut(labels: Labels, share: float, rng: np.random.Generator) -> Labels:
    """This share of the cells cut in two across their length."""
    cut, count = labels.copy(), int(labels.max())
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None or rng.random() >= share:
            continue
        at = np.argwhere(labels[box] == label)
        if len(at) > 2 * MIN_AREA_PX:
            away = at - at.mean(axis=0)
            length = np.linalg.eigh(away.T @ away)[1][:, 1]
            count += 1
            cut[box][tuple(at[away @ length > 0].T)] = count
    return cut


def maps_of(labels: Labels, doubt: float, seed: int) -> tuple[Maps, Maps]:
    """Foreground and flow: exact, or as an undecided network gives them."""
    if doubt == 0:
        exact = (labels > 0).astype(np.float32)
        return exact, flow_targets(labels)
    rng = np.random.default_rng(seed)
    seen = [plausible(labels, doubt, rng) for _ in range(ANNOTATIONS)]

    def mean(of: Callable[[Labels], Maps]) -> Maps:
        maps = np.mean([of(one) for one in seen], axis=0)
        planes = np.atleast_3d(maps.T).T
        noise = ndimage.gaussian_filter(rng.standard_normal(planes.shape), (0, 1.5, 1.5))
        blurred = ndimage.gaussian_filter(planes, (0, 1, 1))
        noisy: Maps = (blurred + 0.05 * doubt * noise / noise.std()).astype(np.float32)
        return noisy.reshape(maps.shape)

    return mean(lambda one: (one > 0).astype(np.float32)), mean(flow_targets)


def scored(labels: Labels, doubt: float, seed: int) -> Iterator[dict[str, float | str]]:
    """A row for each way of splitting."""
    foreground, flow = maps_of(labels, doubt, seed)
    areas = np.bincount(labels.ravel())[1:]
    quarter = float(np.sqrt(np.median(areas[areas > 0]) * 4 / np.pi) / 4)
    ways: dict[str, Callable[[], Labels]] = {
        "pieces": lambda: split_components(foreground >= 0.5, min_area_px=MIN_AREA_PX),
        "waists": lambda: split_touching(
            foreground, min_area_px=MIN_AREA_PX, min_distance_px=quarter
        ),
        "flow": lambda: split_by_flow(foreground, flow, min_area_px=MIN_AREA_PX),
    }
    for name, way in ways.items():
        start = time.process_time()
        found = way()
        spent = time.process_time() - start
        score = score_instances(labels, found)
        yield {"split": name, "ap50": score["ap50"], "ap": score["ap"], "ms": 1000 * spent}


def main() -> None:
    """Print AP50 / AP by images and way of splitting, and the processor time of a split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--doubt", type=float, default=0.0)
    parser.add_argument("--limit", type=int, default=0, help="images of each set beside LIVECell")
    options = parser.parse_args()
    rows = [
        {"images": group, **row}
        for seed, (group, labels) in enumerate(images(options.data, options.limit))
        for row in scored(labels, options.doubt, seed)
    ]
    means = pd.DataFrame(rows).groupby(["images", "split"], sort=False).mean().reset_index()
    means["cell"] = means["ap50"].map("{:.2f}".format) + " / " + means["ap"].map("{:.2f}".format)
    for value in ("cell", "ms"):
        table = means.pivot_table(index="images", columns="split", values=value, aggfunc="first")
        wide = table.reindex(index=means["images"].unique(), columns=means["split"].unique())
        print(markdown_table(wide.reset_index()), end="\n\n")


if __name__ == "__main__":
    main()
