"""Every setting of a run: frozen models, one per stage, read from and written to TOML.

Only recipes and apps read these; the stages take plain arguments or one of these small models.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Range = tuple[float, float]
Pixels = Annotated[int, Field(ge=1)]
Size = Annotated[float, Field(gt=0)]
# What a network learns of each pixel: its class, or the foreground and which way the middle of its
# cell lies, along y and x. Or, without annotation: the image as it was before it was made worse.
Target = Literal["classes", "flow", "image"]
CELL_MAPS = 3  # the foreground and the two parts of the way


class ConfigError(ValueError):
    """A setting is unknown, of the wrong kind or out of range."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PreprocessConfig(_Frozen):
    """How raw intensities become the network's input, in training and in prediction alike."""

    method: Literal["percentile", "zscore", "range"] = "percentile"
    low_percentile: Annotated[float, Field(ge=0, lt=100)] = 1.0
    high_percentile: Annotated[float, Field(gt=0, le=100)] = 99.0
    minimum: float = 0.0  # for "range": this raw value becomes 0
    maximum: float = 65535.0  # for "range": this raw value becomes 1
    clip: bool = True  # percentile and range: cut to 0..1
    resize_to: tuple[Pixels, Pixels] | None = None  # (height, width)
    pixel_size_um: Size | None = None  # resize so that a pixel has this size, where known
    scale: Size = 1.0  # network pixels per image pixel along a line, where neither is given

    @model_validator(mode="after")
    def _ordered(self) -> PreprocessConfig:
        if self.low_percentile >= self.high_percentile:
            raise ValueError("low_percentile must be below high_percentile")
        if self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        if self.resize_to is not None and self.pixel_size_um is not None:
            raise ValueError("give resize_to or pixel_size_um, not both")
        if self.resize_to is not None and self.scale != 1:
            raise ValueError("give resize_to or scale, not both")
        return self


class AugmentConfig(_Frozen):
    """Random changes of image and mask together; zero or (1, 1) means off."""

    flips: bool = False
    quarter_turns: bool = False
    half_turns: bool = False
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0  # up to this angle either way
    zoom: Range = (1.0, 1.0)  # above 1 enlarges
    elastic_amplitude_px: Annotated[float, Field(ge=0)] = 0.0  # sd of the 3x3 control displacements
    elastic_sigma_px: Annotated[float, Field(ge=0)] = 30.0  # Gaussian smoothing of the field
    brightness: Annotated[float, Field(ge=0)] = 0.0  # added, up to this much either way
    contrast: Range = (1.0, 1.0)  # factor around the mean
    gamma: Range = (1.0, 1.0)
    noise: Annotated[float, Field(ge=0)] = 0.0  # sd of the added Gaussian noise, up to
    blur_px: Annotated[float, Field(ge=0)] = 0.0  # Gaussian sigma, up to
    probability: Fraction = 1.0  # of each photometric change and of the elastic one


class DegradeConfig(_Frozen):
    """How a crop is made worse, anew for each crop: to restore it, or to find cells all the same.

    As it stands nothing is made worse.
    """

    factor: Range = (1.0, 1.0)  # share of the resolution that is kept, between the two
    down: Literal["area", "antialiased"] = "area"
    up: Literal["bicubic", "nearest"] = "bicubic"
    blur_px: Annotated[float, Field(ge=0)] = 0.0  # Gaussian sigma, up to
    photons: Range = (0.0, 0.0)  # where it is brightest, between the two; 0 = no noise
    read_noise: Annotated[float, Field(ge=0)] = 0.0  # of the camera, in photons
    bits: Annotated[int, Field(ge=1, le=32)] | None = None
    probability: Fraction = 1.0  # of each of resolution, blur and noise
    covered: Fraction = 0.0  # share of the blocks that are covered, up to
    block_px: Pixels = 16  # their side
    # What is light. image: raw values are, and the crop is stretched anew as its image would be.
    # crop: the crop as the network sees it; its darkest pixel is none, 1 more is the brightest.
    light: Literal["image", "crop"] = "image"

    @model_validator(mode="after")
    def _ordered(self) -> DegradeConfig:
        if not 0 < self.factor[0] <= self.factor[1] <= 1:
            raise ValueError(
                "factor needs two numbers above 0 and at most 1, the lower first: [0.25, 1] keeps "
                "a quarter of the resolution, or more"
            )
        low, high = self.photons
        if not (0 < low <= high or low == high == 0):
            raise ValueError("photons needs two numbers above 0, the lower first, or [0, 0]")
        if self.read_noise and not high:
            raise ValueError("read_noise is in photons; give photons too")
        return self


class DataConfig(_Frozen):
    """Which samples train and which validate, and in what pieces they come."""

    images: Annotated[int, Field(ge=0)] = 0  # train and validate on so many of those given; 0 = all
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.15
    validation_images: Annotated[int, Field(ge=0)] = 0  # so many validate; 0 = by the fraction
    # In cross-validation, those that validate are taken from what trains, or from what is held out.
    validation_from: Literal["training", "held-out"] = "training"
    judged_images: Annotated[int, Field(ge=0)] = 24  # of these, after each epoch, at most; 0 = all
    split_by: Literal["group", "image"] = "group"  # group: a well or a movie is never divided
    ignore_value: Annotated[int, Field(ge=0)] | None = None  # labels of it teach and score nothing
    batch_size: Annotated[int, Field(ge=1)] = 8
    patch_px: Annotated[int, Field(ge=0)] = 256  # side of the random square crops; 0 = whole image
    samples_per_epoch: Annotated[int, Field(ge=0)] = 0  # 0 = one per training image
    by_area: bool = False  # an image of so many crops' area comes as often, not once as any other
    balance_sets: bool = False  # of several data sets, the crops of each come as often
    # Each image, or each data set, is brought to the size at which its median cell is so wide.
    cell_diameter_px: Annotated[float, Field(ge=0)] = 0.0  # 0: as it is
    sized_by: Literal["image", "set"] = "image"
    doubt_unlabelled: bool = False  # large regions like cells, but unannotated, teach nothing
    foreground_bias: Fraction = 0.0  # share of crops that are centred on a labelled pixel
    border_weight: Annotated[float, Field(ge=0)] = 0.0  # extra weight of pixels at class borders
    border_px: Annotated[float, Field(gt=0)] = 3.0  # how far it reaches


class ModelConfig(_Frozen):
    """The network: a name in MODELS and its shape."""

    name: str = "unet"
    depth: Annotated[int, Field(ge=1, le=7)] = 4  # times the image is halved
    width: Annotated[int, Field(ge=1, le=512)] = 16  # filters of the first level, doubled at each
    stride: Annotated[int, Field(ge=1, le=4)] = 1  # side of the squares of pixels taken as one
    in_channels: Annotated[int, Field(ge=1)] = 1
    out_channels: Annotated[int, Field(ge=1)] = 1  # 1 = one logit, foreground or not
    norm: Literal["batch", "group", "none"] = "batch"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_in: Literal["encoder", "decoder", "both"] = "decoder"
    upsampling: Literal["bilinear", "transposed"] = "bilinear"
    residual: bool = True  # what restores an image says what is to be added to it, not all of it
    deep_supervision: bool = False  # the coarser levels answer too, and that costs beside the last
    base: str = "unet"  # a name in FAMILY: the network inside one that is made of several
    second_base: str = ""  # of the second one inside, where it is to be another; "" = base
    ensemble: Literal["none", "fixed", "learned"] = "learned"  # autoprep: how answers are merged

    @property
    def multiple(self) -> int:
        """What the sides of an image are padded to a multiple of."""
        return int(self.stride * 2**self.depth)

    @property
    def values_per_pixel(self) -> float:
        """What the first level, the largest one, keeps of each pixel of the image."""
        return self.width / self.stride**2


class LossTerm(_Frozen):
    """One loss by its name in LOSSES, its weight in the sum and its own parameters."""

    name: str
    weight: Annotated[float, Field(gt=0)] = 1.0
    alpha: float | None = None  # Tversky: weight of false positives
    beta: float | None = None  # Tversky: weight of false negatives
    gamma: float | None = None  # focal exponent


class LossConfig(_Frozen):
    """A weighted sum of losses and how classes weigh in it."""

    terms: tuple[LossTerm, ...] = (LossTerm(name="bce"),)
    class_weights: Literal["none", "auto"] | tuple[Size, ...] = "none"  # auto: from the data
    maps: Literal["l1", "mse"] = "l1"  # of the maps that divide cells, where there are such
    maps_weight: Size = 1.0
    auxiliary_weight: Size = 1.0  # of each answer that a network gives beside its last one
    restored: Literal["l1", "mse", "ssim"] = "l1"  # of an image that is restored
    restored_weight: Annotated[float, Field(ge=0)] = 1.0  # of that, where cells are found too


class SplitConfig(_Frozen):
    """How maps become single cells; tuned on the validation images when training ends."""

    # Two hills of the landscape are two cells if the pass is so many pixels below the lower one.
    dip: Annotated[float, Field(ge=0)] = 1.25
    smoothing_px: Annotated[float, Field(ge=0)] = 0.0  # Gaussian sigma on the landscape


class OptimizerConfig(_Frozen):
    """The optimiser and its step size."""

    name: Literal["adam", "adamw", "muon", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # sgd and muon


class ScheduleConfig(_Frozen):
    """How the step size changes while training goes on."""

    name: Literal["constant", "step", "plateau", "cosine"] = "constant"
    step_epochs: Annotated[int, Field(ge=1)] = 10  # step: every so many epochs
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5  # step and plateau: times this
    patience_epochs: Annotated[int, Field(ge=1)] = 5  # plateau: after so many without gain
    warmup_steps: Annotated[int, Field(ge=0)] = 0  # linear rise from zero
    final_fraction: Fraction = 0.01  # cosine: ends at this share of the start


def _as_text(value: object) -> object:
    """A whole number as text: in TOML and after --set, 32 is one."""
    return str(value) if type(value) is int else value


class TrainConfig(_Frozen):
    """How long, how carefully and in what precision."""

    epochs: Annotated[int, Field(ge=1)] = 50
    minutes: Annotated[float, Field(gt=0)] | None = (
        None  # stop after this long, whatever epochs says
    )
    clock: Literal["wall", "processor"] = "wall"  # what counts the minutes
    early_stopping_epochs: Annotated[int, Field(ge=0)] = 0  # 0 = never
    accumulate: Annotated[int, Field(ge=1)] = 1  # batches per optimiser step
    clip_norm: Annotated[float, Field(ge=0)] = 0.0  # 0 = no clipping
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(_as_text)] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    monitor: str = "dice"  # the validation measure that picks the best checkpoint
    seed: Annotated[int, Field(ge=0)] = 0
    init: str = ""  # a model, by name or folder, whose weights are taken where they fit
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0  # running mean of weights; 0 = off
    auto_balance: bool = False  # reweight and restart when the network predicts one class only
    trust: bool = True  # learn, when training ends, what scores and counts are worth


class PredictConfig(_Frozen):
    """How the finished network is asked, in scoring and ever after."""

    flips: bool = False  # average over the image and its mirror images, at four times the cost
    # average over the image at so many times its size, one mirrored unlike the other
    zooms: Annotated[
        tuple[Annotated[float, Field(ge=0.25, le=4)], ...], Field(min_length=1, max_length=8)
    ] = (1.0,)


class PaperFigure(_Frozen):
    """One number that the paper reports."""

    dataset: str
    measure: str  # a column of our table: pixel_accuracy, loss, dice, iou
    value: float
    sd: float | None = None  # where the paper gives one
    variant: str = ""  # the method, where the paper compares several


class PaperConfig(_Frozen):
    """The published system: what it reports and what its text leaves open."""

    title: str
    authors: str
    figures: tuple[PaperFigure, ...] = ()
    notes: str = ""


class Recipe(_Frozen):
    """A whole experiment: one TOML file."""

    name: str
    title: str = ""
    description: str = ""
    classes: Annotated[tuple[str, ...], Field(min_length=2)] = ("background", "cell")
    target: Target = "classes"
    preprocess: PreprocessConfig = PreprocessConfig()
    augment: AugmentConfig = AugmentConfig()
    degrade: DegradeConfig | None = None  # target "image" needs it: what is to be restored
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    train: TrainConfig = TrainConfig()
    predict: PredictConfig = PredictConfig()
    paper: PaperConfig | None = None

    @model_validator(mode="after")
    def _one_channel_per_output(self) -> Recipe:
        number, channels = len(self.classes), self.model.out_channels
        if self.target == "image" and self.degrade is None:
            raise ValueError('target "image" needs degrade: how images are made worse')
        if self.target == "image":
            if channels != self.model.in_channels:
                raise ValueError(
                    f'target "image" needs as many model.out_channels as model.in_channels, not '
                    f"{channels} and {self.model.in_channels}"
                )
        elif self.target != "classes":
            if (number, channels) != (2, CELL_MAPS):
                raise ValueError(
                    f"target {self.target!r} needs two classes and model.out_channels = "
                    f"{CELL_MAPS}, not {number} and {channels}"
                )
        elif channels != number and (channels, number) != (1, 2):
            raise ValueError(
                f"model.out_channels is {channels} for {number} classes; it must be {number}"
                + (", or 1 for foreground or not" if number == 2 else "")
            )
        return self


class CalibrationConfig(_Frozen):
    """How a cell's raw score becomes the probability that it is right (beta calibration).

    logit of the probability = ``a`` ln(score) - ``b`` ln(1 - score) + ``c``.
    """

    a: Annotated[float, Field(ge=0)]
    b: Annotated[float, Field(ge=0)]
    c: float
    cells: Annotated[int, Field(ge=0)] = 0  # that it was learned from
    error: float | None = None  # expected calibration error, each image by the others


class ErrorConfig(_Frozen):
    """How far a number was from the truth on images held out: in logs a count, else in logits."""

    centre: float  # mean of true less predicted
    spread: Annotated[float, Field(ge=0)]  # standard deviation, in units of the expected one
    images: Annotated[int, Field(ge=2)]
    groups: Annotated[int, Field(ge=2)]  # wells or movies: images of one are wrong alike
    per_cell: Annotated[float, Field(ge=0)] = 0.0  # expected variance that one cell would have
    per_image: Annotated[float, Field(ge=0)] = 0.0  # expected variance left with many cells
    reach_90: Annotated[float, Field(ge=0)] | None = None  # so far were 90 % of new images, by rank


class TrustConfig(_Frozen):
    """What the scores, counts and covered areas of a model are worth, where that was learned."""

    source: Literal["images held out", "training images"]
    images: Annotated[int, Field(ge=1)]
    calibration: CalibrationConfig | None = None
    count: ErrorConfig | None = None
    confluence: ErrorConfig | None = None


Quantiles = tuple[float, float, float]  # lowest, median, highest


class SizeConfig(_Frozen):
    """How scores tell the size of cells: in an image made ever larger, they rise at one size."""

    octaves: float  # log2 of the size at which they do, 0 = the size that the network trained at
    spread: Annotated[float, Field(ge=0)] | None = None  # deviation of training images


class FingerprintConfig(_Frozen):
    """What the training images were like, to tell when another one is not."""

    images: Annotated[int, Field(ge=1)]
    traits: dict[str, Quantiles]  # of softlight.measure.traits, over the images
    size: SizeConfig | None = None


class ModelSpec(_Frozen):
    """All that a saved model needs beside its weights: the contents of model.toml."""

    format_version: int = 1
    name: str
    classes: tuple[str, ...] = ("background", "cell")
    model: ModelConfig
    preprocess: PreprocessConfig
    target: Target = "classes"
    degrade: DegradeConfig | None = None  # how its training images were made worse
    ignore_value: Annotated[int, Field(ge=0)] | None = None  # labels of it were left out
    threshold: Fraction = 0.5  # foreground where the probability is at least this
    split: SplitConfig = SplitConfig()
    predict: PredictConfig = PredictConfig()
    min_area_px: Annotated[int, Field(ge=0)] = 0  # smaller pieces are dropped
    pixel_size_um: float | None = None  # of the training images, where known
    cell_diameter_px: float | None = None  # median of the training cells, on the network's grid
    trust: TrustConfig | None = None
    fingerprint: FingerprintConfig | None = None
    weights_sha256: str = ""
    provenance: dict[str, str] = Field(default_factory=dict)  # version, commit, data, date


def _explain(error: ValidationError) -> str:
    problems = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "the file"
        if item["type"] == "extra_forbidden":
            problems.append(f"{where} is not a setting")
        elif item["type"] == "value_error":  # of several settings together: the message names them
            problems.append(f"{where}: {item['ctx']['error']}")
        else:
            problems.append(f"{where}: {item['msg']} (got {item['input']!r:.60})")
    return "; ".join(problems)


def parse_recipe(values: dict[str, Any], *, source: str = "recipe") -> Recipe:
    """The recipe in these values, or a ConfigError that names every wrong setting at once."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(error)}.") from None


def parse_model_spec(values: dict[str, Any], *, source: str = "model.toml") -> ModelSpec:
    """The model description in these values, or a ConfigError that names what is wrong."""
    try:
        return ModelSpec.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(error)}.") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not readable TOML: {error}.") from None


def to_toml(settings: BaseModel) -> str:
    """The settings as TOML, without what is None."""
    return tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))


def with_settings(recipe: Recipe, assignments: dict[str, Any]) -> Recipe:
    """The recipe with dotted settings replaced: ``{"train.epochs": 3, "model.width": 32}``."""
    values = recipe.model_dump(mode="json", exclude_none=True)
    for dotted, value in assignments.items():
        *parents, last = dotted.split(".")
        table = values
        for parent in parents:
            if not isinstance(table.setdefault(parent, {}), dict):
                raise ConfigError(f"--set {dotted}: {parent} is not a section of the recipe.")
            table = table[parent]
        table[last] = value
    return parse_recipe(values, source="settings")
