"""Whether one of two results is better, told from scores of the same images or folds.

Few pairs are compared by the paired t-test, many by Wilcoxon's signed ranks; each result says
which and why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from softlight.evaluate.pixel import ScoreError

Method = Literal["wilcoxon", "t"]
MANY = 10  # pairs; of fewer, ranks can hardly be significant: of five, p is 0.06 at best
MOST_RANKED = 3000  # pairs; of more, the means are normal and ranks take minutes
_EXACT = 50  # pairs, up to which the distribution of the rank sum is computed
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairedTest:
    """How much better the first result is than the second, pair by pair.

    Attributes:
        difference: first less second; for the t-test the mean, for Wilcoxon the Hodges-Lehmann
            estimate (the median of the means of all two differences).
        low: of the interval at the asked confidence, by the same method.
        high: the same.
        p: two-sided, that there is no difference.
        effect_size: Hedges' g of the pairs: the mean difference over the standard deviation of
            the differences, corrected for few pairs; about 0.2 is small, 0.8 large. nan where all
            differences are equal.
        n: the pairs that both have a score.
        method: "wilcoxon" or "t".
        why: the reason for it, in words.
    """

    difference: float
    low: float
    high: float
    p: float
    effect_size: float
    n: int
    method: Method
    why: str


def paired_test(
    a: Sequence[float] | Values,
    b: Sequence[float] | Values,
    *,
    method: Literal["auto", "wilcoxon", "t"] = "auto",
    confidence: float = 0.95,
) -> PairedTest:
    """The test of scores ``a`` against ``b``, the same image or fold at the same place.

    Pairs in which either is nan are left out. With fewer than two, all but ``n`` is nan.

    Args:
        a: the scores of the first result.
        b: those of the second.
        method: "auto" takes the t-test for fewer than 10 pairs and more than 3000.
        confidence: of the interval.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ScoreError(
            f"The scores to compare are {first.shape} and {second.shape}; give two lists of one "
            "length, in which the same place is the same image or fold."
        )
    if not 0 < confidence < 1:
        raise ScoreError(f"The confidence is {confidence}; give one between 0 and 1.")
    differences = (first - second)[np.isfinite(first) & np.isfinite(second)]
    n = len(differences)
    chosen, why = _choose(method, n)
    if n < 2:
        nan = math.nan
        return PairedTest(nan, nan, nan, nan, nan, n, chosen, why)
    tested = _ranked if chosen == "wilcoxon" else _by_t
    return PairedTest(*tested(differences, confidence), hedges_g(differences), n, chosen, why)


def hedges_g(differences: Values) -> float:
    """Mean over standard deviation, times ``1 - 3 / (4 (n - 1) - 1)``; nan where all are equal."""
    n = len(differences)
    if n < 2 or np.ptp(differences) <= 1e-12 * np.abs(differences).max(initial=0):
        return math.nan
    return float(differences.mean() / differences.std(ddof=1) * (1 - 3 / (4 * (n - 1) - 1)))


def _choose(method: str, n: int) -> tuple[Method, str]:
    if method == "wilcoxon":
        return "wilcoxon", "Wilcoxon's signed ranks, as asked"
    if method == "t":
        return "t", "paired t-test, as asked"
    if method != "auto":
        raise ScoreError(f"There is no test {method!r}; use auto, wilcoxon or t.")
    if n < MANY:
        return "t", f"paired t-test, since of {n} pairs ranks can hardly tell"
    if n > MOST_RANKED:
        return "t", f"paired t-test, since the mean of {n} differences is normal"
    return "wilcoxon", "Wilcoxon's signed ranks, since scores are bounded and skewed"


def _by_t(differences: Values, confidence: float) -> tuple[float, float, float, float]:
    """(mean, low, high, p); of equal differences there is no doubt."""
    n, mean = len(differences), float(differences.mean())
    if np.ptp(differences) <= 1e-12 * np.abs(differences).max(initial=0):
        return mean, mean, mean, 1.0 if mean == 0 else 0.0
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, n - 1))
    return mean, mean - reach, mean + reach, p


def _ranked(differences: Values, confidence: float) -> tuple[float, float, float, float]:
    """(Hodges-Lehmann estimate, low, high, p); differences of zero are left out of p alone."""
    means = _walsh(differences)
    n = len(differences)
    cut = _cut_off((1 - confidence) / 2, n)
    low, high = float(means[cut]), float(means[len(means) - 1 - cut])
    if not differences.any():
        return 0.0, low, high, 1.0
    found = stats.wilcoxon(differences[differences != 0], method="auto")
    return float(np.median(means)), low, high, float(found.pvalue)


def _walsh(differences: Values) -> Values:
    """The means of all two differences, each with itself too, in order."""
    rows, columns = np.triu_indices(len(differences))
    return np.sort((differences[rows] + differences[columns]) / 2)


def _cut_off(tail: float, n: int) -> int:
    """How many Walsh averages lie outside of the interval on each side.

    As many of them lie above a shift as the sum of the ranks is of the differences less the shift.
    So an interval begins with the k-th of them, k - 1 being the greatest rank sum that is as rare
    as ``tail``; of fewer than six pairs none is rare enough, and it holds all of them.
    """
    if n > _EXACT:
        mean, variance = n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24
        return max(0, round(mean + float(stats.norm.ppf(tail)) * math.sqrt(variance)) - 1)
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, n + 1):  # each rank is in the sum or not
        ways[rank:] = ways[rank:] + ways[: len(ways) - rank]
    below = np.cumsum(ways) / 2.0**n
    return max(0, int(np.searchsorted(below, tail, side="right")) - 1)
