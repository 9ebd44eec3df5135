"""What is tried and what is tolerated when gentler imaging is planned."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from softlight.config import ConfigError
from softlight.data.degradation import Degradation
from softlight.recipes.divide import Options
from softlight.recipes.segment import Reading

FACTORS = (1.0, 0.5, 0.25, 0.125)
PHOTONS = (3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 5.0)
EVERY = (1, 2, 4, 8)
CLEAN = math.inf  # photons of an image that is left as it is


@dataclass(frozen=True, order=True)
class Setting:
    """One way of imaging, beside that of the images that were given.

    Attributes:
        factor: share of the resolution that is kept along a line.
        photons: for each of its pixels where the image is brightest; infinite: no noise is added.
    """

    factor: float = 1.0
    photons: float = CLEAN

    @property
    def changes_nothing(self) -> bool:
        """Whether this is how the images were taken."""
        return self.factor == 1 and self.photons == CLEAN

    def degradation(self) -> Degradation:
        """What it does to an image, back on its own grid as the network sees it."""
        return Degradation(
            factor=self.factor, photons=None if self.photons == CLEAN else self.photons
        )

    def at_least(self, other: Setting) -> bool:
        """Whether it is nowhere gentler than the other."""
        return self.factor >= other.factor and self.photons >= other.photons

    def light(self, photons_now: float) -> float:
        """Share of the light on the cells that it needs, by the photons of the images as they are.

        A coarse pixel gathers the light of the many that it replaces. nan where it is not known
        how many photons the images have now.
        """
        if self.photons == CLEAN:
            return 1.0
        if not math.isfinite(photons_now):
            return math.nan
        return min(1.0, self.photons * self.factor**2 / photons_now)

    def dose(self, photons_now: float) -> float:
        """What settings are ordered by: the light, or where that is not known photons a place."""
        light = self.light(photons_now)
        return self.photons * self.factor**2 if math.isnan(light) else light

    def __str__(self) -> str:
        parts = [] if self.factor == 1 else [f"{self.factor:g} of the resolution"]
        parts += [] if self.photons == CLEAN else [f"{self.photons:g} photons"]
        return ", ".join(parts) or "as they are"


@dataclass(frozen=True)
class Tolerances:
    """The errors that are tolerated, as shares; None is not judged.

    Attributes:
        count: of the number of cells in an image, relative to the true one.
        confluence: of the covered share of an image, in parts of the image.
        area: of the median area of an image's cells, relative.
        dice: foreground Dice may be so far below 1.
        speed: of the mean speed of a movie's cells, relative.
    """

    count: float | None = 0.05
    confluence: float | None = 0.02
    area: float | None = None
    dice: float | None = None
    speed: float | None = 0.1

    def __post_init__(self) -> None:
        for name, value in self.judged(speed=True).items():
            if not 0 < value <= 1:
                raise ConfigError(
                    f"The tolerance of {name} is {100 * value:g} %; it must be above 0 and at most "
                    "100 %."
                )
        if not self.judged():
            raise ConfigError("No tolerance is given; give at least one, as --tolerance-count 5.")

    def judged(self, *, speed: bool = False) -> dict[str, float]:
        """The tolerances of what is judged image by image, and of speed where asked for."""
        names = ("count", "confluence", "area", "dice", *(("speed",) if speed else ()))
        every = {name: getattr(self, name) for name in names}
        return {name: value for name, value in every.items() if value is not None}


@dataclass(frozen=True)
class PlanSettings:
    """How a plan is made.

    Attributes:
        tolerances: what is tolerated.
        factors: shares of the resolution to try.
        photons: for each pixel where the image is brightest, to try beside the images as they are.
        every: of a movie, every so many frames are kept; to try.
        images: so many images are looked at, at most, spread over those that were given.
        repeats: how often noise is drawn for each image.
        photons_now: of the images as they are; None: told from their noise.
        seed: of the noise.
        reading: what the files do not say themselves.
        options: how foreground becomes labels.
    """

    tolerances: Tolerances = field(default_factory=Tolerances)
    factors: tuple[float, ...] = FACTORS
    photons: tuple[float, ...] = PHOTONS
    every: tuple[int, ...] = EVERY
    images: int = 8
    repeats: int = 2
    photons_now: float | None = None
    seed: int = 0
    reading: Reading = field(default_factory=Reading)
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        for name, low, high in (("factors", 0.0, 1.0), ("photons", 0.0, math.inf)):
            wrong = [v for v in getattr(self, name) if not low < v <= high or not math.isfinite(v)]
            if wrong:
                bound = "above 0 and at most 1" if high == 1 else "above 0"
                raise ConfigError(f"{name} has {wrong[0]:g}; each must be {bound}.")
        if any(number < 1 for number in self.every):
            raise ConfigError(
                f"every has {min(self.every)}; every first frame or more can be kept."
            )
        if self.images < 1 or self.repeats < 1:
            raise ConfigError(
                f"{self.images} images and {self.repeats} repeats were asked for; at least one of "
                "each is needed."
            )
        if self.photons_now is not None and not 0 < self.photons_now < math.inf:
            raise ConfigError(
                f"photons_now is {self.photons_now}; it must be above 0, or left out."
            )

    def grid(self) -> list[Setting]:
        """Every setting to try, those nearest to the images as they are first."""
        factors = sorted({1.0, *self.factors}, reverse=True)
        photons = sorted({CLEAN, *self.photons}, reverse=True)
        return [Setting(factor, number) for factor in factors for number in photons]
