"""Makes a shipped model again: simulates what it needs, trains, and judges it on what was held out.

    python benchmarks/ship.py nuclei --shared ../shared/data --minutes 60 --out runs/ship
    python benchmarks/ship.py phase-open --shared ../shared/data --minutes 60 --out runs/ship

A fifth of the groups of every real set is kept from training (``--test-fraction``); a tenth of the
rest chooses the weights, the thresholds and the calibration. Simulated scenes only train: they are
easier than real images, and scores learnt from them promise too much. Sets that never train are
scored too, on frames whose cells are all annotated. The model is in ``OUT/NAME``, its card with
these figures; ``OUT/NAME/test`` has them image by image.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from softlight.apps.commands.training import parse_assignments
from softlight.apps.progress import TrainingLines, say
from softlight.config import Recipe
from softlight.data.samples import Sample, counted
from softlight.data.sets import open_dataset
from softlight.data.splits import Split, split_as, split_fraction, split_list, spread
from softlight.evaluate.table import markdown_table, write_metrics
from softlight.inference.predict import Segmenter
from softlight.models.card import CardText, model_card
from softlight.models.saved import save_model
from softlight.recipes.beginning import with_beginning
from softlight.recipes.divide import Options
from softlight.recipes.library import load_recipe
from softlight.recipes.provenance import sources
from softlight.recipes.score import score_network, to_table
from softlight.recipes.simulation import simulate_varied
from softlight.recipes.train import Trained, train
from softlight.simulate.scene import Modality, Morphology

MOST_JUDGED = 24  # images of a set
MEASURES = {"ap50": "AP50", "ap": "mean AP", "dice": "Dice", "count_error_abs": "count off by"}


@dataclass(frozen=True)
class Source:
    """A data set below the shared folder, and whose it is."""

    folder: str
    licence: str
    annotation: str = "auto"


@dataclass(frozen=True)
class Scenes:
    """What is simulated beside the real images."""

    count: int
    modality: Modality
    morphology: Morphology | None
    side_px: int
    seed: int = 7

    @property
    def command(self) -> str:
        """The same by hand."""
        form = f" --morphology {self.morphology}" if self.morphology else ""
        return (
            f"softlight simulate --varied {self.count} --modality {self.modality}{form} --height "
            f"{self.side_px} --width {self.side_px} --seed {self.seed} --out simulated"
        )


@dataclass(frozen=True)
class Shipped:
    """What a shipped model is made of."""

    recipe: str
    sets: tuple[Source, ...]
    never_trained: tuple[Source, ...]
    scenes: Scenes | None
    text: CardText


SIMULATED = "simulated"
OWN = "made by this program, no rights reserved"
LIVECELL = Source("livecell", "CC BY-NC 4.0 (LIVECell, Edlund et al. 2021)")
USIIGACI = Source("stills/usiigaci_phase", "MIT (Usiigaci, Tsai et al. 2019)")
NIST = Source("stills/nist_phase_contrast", "US public domain (NIST)")
DSB2018 = Source("stills/dsb2018_nuclei", "CC0 1.0 (DSB2018, BBBC038)")
GOWT1 = Source("ctc/Fluo-N2DH-GOWT1", "Cell Tracking Challenge", annotation="gold")
SIM = Source("ctc/Fluo-N2DH-SIM+", "Cell Tracking Challenge")
U373 = Source("ctc/PhC-C2DH-U373", "Cell Tracking Challenge", annotation="gold")
MODELS = {
    "phase": Shipped(
        "phase",
        (LIVECELL,),
        (USIIGACI, U373),
        None,
        CardText(
            summary="Single cells in phase contrast at about 10x, learnt from LIVECell images at "
            "any resolution from full to an eighth.",
            intended_use="A first look at single cells in phase contrast, and a start for your own "
            "model (`softlight train --init phase`). Not for commercial use.",
        ),
    ),
    "phase-open": Shipped(
        "phase-open",
        (USIIGACI, NIST),
        (LIVECELL, U373),
        Scenes(300, "phase", None, 320),
        CardText(
            summary="Single cells in phase contrast, learnt from open images and simulated scenes.",
            intended_use="A first look at single cells in phase contrast where LIVECell's licence "
            "stands in the way, and a start for your own model "
            "(`softlight train --init phase-open`).",
        ),
    ),
    "nuclei": Shipped(
        "nuclei",
        (DSB2018,),
        (GOWT1, SIM),
        Scenes(150, "fluorescence", "round", 256),
        CardText(
            summary="Single nuclei in fluorescence, learnt from DSB2018 and simulated scenes.",
            intended_use="Counting and measuring stained nuclei that are bright on dark ground, 8 "
            "to 80 pixels wide.",
        ),
    ),
}


def folders_of(shipped: Shipped, shared: Path, out: Path) -> dict[Path, str]:
    """The folders that train, each with its licence; simulated ones are made where missing."""
    folders = {shared / source.folder: source.licence for source in shipped.sets}
    if shipped.scenes is None:
        return folders
    scenes, simulated = shipped.scenes, out / SIMULATED
    simulate_varied(
        simulated,
        count=scenes.count,
        modality=scenes.modality,
        morphology=scenes.morphology,
        size=(scenes.side_px, scenes.side_px),
        seed=scenes.seed,
    )
    return {**folders, simulated: OWN}


def parts_of(
    samples: Sequence[Sample], recipe: Recipe, fraction: float, validation: Sequence[str] = ()
) -> tuple[Split, tuple[Sample, ...]]:
    """What trains and validates (by name, where names are given), and what is kept from both."""
    simulated = tuple(sample for sample in samples if sample.tags.get("set") == SIMULATED)
    training = [sample for sample in samples if sample.tags.get("set") != SIMULATED]
    held_out: tuple[Sample, ...] = ()
    if fraction > 0:
        kept = [split_fraction(of_set, fraction, by="group", seed=1) for of_set in by_set(training)]
        training = [sample for part in kept for sample in part.train]
        held_out = tuple(sample for part in kept for sample in part.validation)
    if validation:
        split = split_list(training, validation)
    else:
        split = split_as(training, recipe.data, seed=0)
    return replace(split, train=split.train + simulated), held_out


def by_set(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The samples of each set, so that a small one is neither lost nor all held out."""
    sets: dict[str, list[Sample]] = {}
    for sample in samples:
        sets.setdefault(sample.tags.get("set", "held out"), []).append(sample)
    return list(sets.values())


def judged(trained: Trained, tests: Sequence[tuple[str, Sequence[Sample]]]) -> pd.DataFrame:
    """The scores of every image with the set that it is of, images brought to size as ever."""
    segmenter = Segmenter(trained.result.network, trained.spec)
    tables = []
    for name, samples in tests:
        taken = spread(samples, MOST_JUDGED)
        scored = score_network(segmenter, taken, options=Options())
        tables.append(to_table(scored).assign(set=name))
    return pd.concat(tables, ignore_index=True)


def tests_of(
    held_out: Sequence[Sample], others: Sequence[Source], shared: Path
) -> Iterator[tuple[str, Sequence[Sample]]]:
    """The held-out samples by set, then the sets that never train."""
    for of_set in by_set(held_out):
        yield of_set[0].tags.get("set", "held out"), of_set
    for source in others:
        dataset = open_dataset(shared / source.folder, annotation=source.annotation)
        complete = [s for s in dataset.samples if s.tags.get("complete") != "no"]
        yield f"{dataset.name} (never trained on)", complete


def means_of(images: pd.DataFrame) -> pd.DataFrame:
    """A row a set and cell type: images and mean scores."""
    kinds = images["cell_type"].fillna("") if "cell_type" in images else ""
    groups = images.assign(cell_type=kinds).groupby(["set", "cell_type"], sort=False)
    measured = [name for name in MEASURES if name in images]
    means = groups[measured].mean().rename(columns=MEASURES).reset_index()
    means.insert(2, "images", groups.size().to_numpy())
    return means.rename(columns={"cell_type": "cell type"})


def carded(trained: Trained, shipped: Shipped, means: pd.DataFrame, command: str) -> str:
    """The card: what the program knows, what is written above, and a table of figures."""
    known = trained.spec.provenance
    simulated = f" Simulated: `{shipped.scenes.command}`." if shipped.scenes else ""
    text = replace(
        shipped.text,
        data=f"{known['training_images']} images of {known['data']}; "
        f"{counted(int(known['validation_images']), 'other image')} chose the weights and "
        f"thresholds.{simulated} Made again with `{command}`.",
        licence=f"Of the training images: {known['licence_of_data']}.",
        known_failures="Not looked at yet.",
    )
    card = model_card(trained.spec, text)
    about = (
        "Mean over images that trained nothing and chose nothing; AP50 is TP / (TP + FP + FN) at "
        "IoU 0.5, mean AP that at 0.5 to 0.95; at most "
        f"{MOST_JUDGED} images of a set.\n\n"
    )
    return card.replace("None were measured.", about + markdown_table(means.round(3)))


def main() -> None:
    """Make the model and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path("runs/ship"))
    parser.add_argument("--test-fraction", type=float, default=0.2, help="0: all images train")
    parser.add_argument("--validation", default="", help="names of images, with commas between")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", dest="settings")
    options = parser.parse_args()
    shipped, folder = MODELS[options.name], options.out / options.name
    settings = {
        "name": options.name,
        "train.minutes": options.minutes,
        **parse_assignments(options.settings),
    }
    recipe = with_beginning(load_recipe(shipped.recipe), settings)
    folders = folders_of(shipped, options.shared, options.out / f"{options.name}-data")
    dataset = open_dataset(list(folders))
    for note in dataset.notes:
        say(note)
    names = [name for name in options.validation.split(",") if name]
    split, held_out = parts_of(dataset.samples, recipe, options.test_fraction, names)
    trained = train(
        recipe,
        split,
        folder,
        resume=options.resume,
        callbacks=[TrainingLines(options.name)],
        provenance=sources(dataset.joined or (dataset.name,), list(folders.values())),
    )
    images = judged(trained, list(tests_of(held_out, shipped.never_trained, options.shared)))
    write_metrics(folder / "test", images, by="set")
    means = means_of(images)
    command = f"python benchmarks/ship.py {options.name} --minutes {options.minutes:g}"
    if options.test_fraction != parser.get_default("test_fraction"):
        command += f" --test-fraction {options.test_fraction:g}"
    if options.validation:
        command += f" --validation {options.validation}"
    if options.settings:
        command += f" --set {' '.join(options.settings)}"
    card = carded(trained, shipped, means, command)
    save_model(folder, trained.result.network, trained.spec, card=card)
    print(markdown_table(means.round(3)))


if __name__ == "__main__":
    main()
