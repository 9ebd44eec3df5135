from itertools import combinations

import numpy as np
import pytest

from softlight.track import assign
from softlight.track.assign import best_links


def _brute(source: list[int], target: list[int], gain: list[float]) -> float:
    best = 0.0
    for size in range(1, len(gain) + 1):
        for chosen in combinations(range(len(gain)), size):
            if len({source[i] for i in chosen}) == len({target[i] for i in chosen}) == size:
                best = max(best, sum(gain[i] for i in chosen))
    return best


@pytest.mark.parametrize("whole_limit", [0, 5000])
@pytest.mark.parametrize("seed", range(12))
def test_the_set_is_the_best_of_all(
    seed: int, whole_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assign, "WHOLE_LIMIT", whole_limit)
    monkeypatch.setattr(assign, "BATCH_ROWS", 2)
    rng = np.random.default_rng(seed)
    pairs = np.array([(i, j) for i in range(4) for j in range(4)])
    pairs = pairs[rng.random(len(pairs)) < 0.6]
    gain = np.round(rng.normal(1, 2, len(pairs)), 1)
    chosen = best_links(pairs[:, 0], pairs[:, 1], gain)
    assert (gain[chosen] > 0).all()
    assert len(set(pairs[chosen, 0])) == len(set(pairs[chosen, 1])) == chosen.sum()
    best = _brute(pairs[:, 0].tolist(), pairs[:, 1].tolist(), gain.tolist())
    assert gain[chosen].sum() == pytest.approx(best)


def test_no_candidate_is_no_link() -> None:
    nothing = np.empty(0, np.int64)
    assert best_links(nothing, nothing, np.empty(0)).shape == (0,)
    one = np.zeros(1, np.int64)
    assert not best_links(one, one, np.array([-1.0])).any()
