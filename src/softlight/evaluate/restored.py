"""How near a restored image comes to the true one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

LEAST_SIDE_PX = 11  # of the window that structure is compared in
MOST_DB = 100.0  # so that a mean stays a number where an image was not changed


class RestoredError(ValueError):
    """Two images cannot be compared."""


def restored_scores(
    image: npt.NDArray[Any], truth: npt.NDArray[Any], *, peak: float | None = None
) -> dict[str, float]:
    """``psnr`` in dB and ``ssim`` of an image (Y, X) against the true one.

    PSNR is 100 at most, where both are as good as equal. SSIM is that of Wang et al. (2004), under
    a Gaussian of 1.5 px; nan where the image is smaller than its window of 11 px.

    Args:
        image: restored, or as it was given.
        truth: what it should be.
        peak: the range of values; None is 255 for 8-bit truths, else the true image's own range.
    """
    if image.shape != truth.shape or truth.ndim != 2:
        raise RestoredError(
            f"The image is {image.shape} and the true one {truth.shape}; both must be (Y, X) and "
            "of one size."
        )
    peak = _range(truth) if peak is None else peak
    if not peak > 0:
        raise RestoredError("The true image is even, so nothing tells how near another one is.")
    one, other = image.astype(np.float64), truth.astype(np.float64)
    with np.errstate(divide="ignore"):
        psnr = min(float(peak_signal_noise_ratio(other, one, data_range=peak)), MOST_DB)  # type: ignore[no-untyped-call]
    ssim = float("nan")
    if min(truth.shape) >= LEAST_SIDE_PX:
        settings: dict[str, Any] = {"gaussian_weights": True, "use_sample_covariance": False}
        ssim = float(structural_similarity(other, one, data_range=peak, sigma=1.5, **settings))  # type: ignore[no-untyped-call]
    return {"psnr": psnr, "ssim": ssim}


def _range(truth: npt.NDArray[Any]) -> float:
    return 255.0 if truth.dtype == np.uint8 else float(np.ptp(truth.astype(np.float64)))
