"""Label images of cells of known shapes, for every way of splitting."""

import numpy as np
from scipy import ndimage
from skimage.draw import disk, ellipse, line


def touching_discs():
    labels = np.zeros((60, 80), np.int32)
    labels[disk((30, 25), 15)] = 1
    labels[disk((30, 54), 15)] = 2
    return labels


def ring():
    labels = np.zeros((50, 50), np.int32)
    labels[disk((25, 25), 20)] = 1
    labels[disk((25, 25), 9)] = 0
    return labels


def spindles():
    """Two thin cells, side by side along their whole length."""
    labels = np.zeros((60, 100), np.int32)
    labels[ellipse(27, 50, 5, 45)] = 1
    labels[ellipse(35, 50, 5, 45)] = 2
    return labels


def neurite():
    """A round body with three long thin arms."""
    path = np.zeros((90, 90), bool)
    for end in [(5, 10), (5, 80), (85, 45)]:
        path[line(45, 45, *end)] = True
    labels = (ndimage.distance_transform_edt(~path) <= 1.5).astype(np.int32)
    labels[disk((45, 45), 8)] = 1
    return labels


def cut_by_the_edge():
    labels = np.zeros((50, 60), np.int32)
    labels[disk((0, 15), 12, shape=labels.shape)] = 1
    labels[disk((0, 38), 10, shape=labels.shape)] = 2
    labels[disk((49, 59), 14, shape=labels.shape)] = 3
    return labels


def sheet():
    """Cells without any background between them."""
    rows, columns = np.mgrid[:80, :90]
    middle = np.random.default_rng(4).uniform(-3, 3, (2, 5, 5))
    distances = [
        (rows - 16 * r - 8 - middle[0, r, c]) ** 2 + (columns - 18 * c - 9 - middle[1, r, c]) ** 2
        for r in range(5)
        for c in range(5)
    ]
    return 1 + np.argmin(distances, axis=0).astype(np.int32)


SHAPES = {
    "touching discs": touching_discs(),
    "ring": ring(),
    "spindles": spindles(),
    "neurite": neurite(),
    "cut by the edge": cut_by_the_edge(),
    "sheet": sheet(),
}


def many_cells():
    """70,000 cells of 3 x 3 pixels each, a pixel apart."""
    one = np.zeros((4, 4), bool)
    one[:3, :3] = True
    labels = np.zeros((1000, 1120), np.int32)
    inside = np.tile(one, (250, 280))
    numbers = np.arange(1, 70_001, dtype=np.int32).reshape(250, 280)
    labels[inside] = np.kron(numbers, np.ones((4, 4), np.int32))[inside]
    return labels


def assert_valid(labels, foreground):
    """Each label is one connected piece of the foreground; they are numbered by first pixel."""
    assert labels.dtype == np.int32
    assert not labels[~foreground].any()
    for value, box in enumerate(ndimage.find_objects(labels), 1):
        assert ndimage.label(labels[box] == value, np.ones((3, 3)))[1] == 1
    _, first = np.unique(labels[labels > 0], return_index=True)
    assert (np.diff(first) > 0).all()


def best_ious(truth, found):
    """For each true cell, the IoU of the found one that fits best."""
    ious = []
    for value in range(1, truth.max() + 1):
        cell = truth == value
        best = 0.0
        for other in np.unique(found[cell & (found > 0)]):
            both, either = (cell & (found == other)).sum(), (cell | (found == other)).sum()
            best = max(best, both / either)
        ious.append(best)
    return np.array(ious)
