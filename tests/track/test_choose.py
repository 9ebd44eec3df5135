from itertools import combinations

import numpy as np
import pytest

from softlight.track.choose import best_events
from softlight.track.events import NOBODY, Events


def _random_events(seed: int) -> Events:
    rng = np.random.default_rng(seed)
    count = 9
    source = rng.integers(0, 5, count)
    first = rng.integers(10, 15, count)
    kind = rng.integers(0, 3, count)  # gap, division with a linked sister, with an open one
    second = np.where(kind == 0, NOBODY, np.where(kind == 1, 90, (first - 9) % 5 + 10))
    gain = np.round(rng.gamma(2, 2, count), 1) + 0.1
    return Events(source, first, second, kind == 2, gain, np.zeros(count, np.int64))


@pytest.mark.parametrize("seed", range(25))
def test_the_set_is_the_best_of_all(seed: int) -> None:
    events = _random_events(seed)

    def allowed(chosen: tuple[int, ...]) -> bool:
        sources = [events.source[i] for i in chosen]
        begins = [events.first[i] for i in chosen]
        begins += [events.second[i] for i in chosen if events.second_open[i]]
        return len(set(sources)) == len(sources) and len(set(begins)) == len(begins)

    sets = (c for size in range(1, 6) for c in combinations(range(len(events)), size))
    best = max(sum(events.gain[i] for i in c) for c in sets if allowed(c))
    chosen = np.flatnonzero(best_events(events))
    assert allowed(tuple(chosen))
    assert events.gain[chosen].sum() == pytest.approx(best)


def test_of_the_same_two_cells_only_the_better_event_counts() -> None:
    same = np.zeros(2, np.int64)
    events = Events(
        same, same + 1, np.array([NOBODY, 5]), np.zeros(2, bool), np.array([1.0, 2.0]), same
    )
    assert best_events(events).tolist() == [False, True]
