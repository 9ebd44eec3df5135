from pathlib import Path

from softlight.config import ModelConfig, ModelSpec, PreprocessConfig
from softlight.models.card import TEMPLATE, UNSTATED, CardText, model_card

SPEC = ModelSpec(
    name="gentle",
    model=ModelConfig(depth=3, width=12, norm="group", in_channels=3),
    preprocess=PreprocessConfig(low_percentile=2, high_percentile=98, resize_to=(256, 300)),
    threshold=0.4,
    min_area_px=37,
    pixel_size_um=0.65,
    cell_diameter_px=21.25,
    weights_sha256="ab12",
    provenance={"version": "1.2.3"},
)


def test_the_card_says_what_the_description_says():
    card = model_card(
        SPEC,
        CardText(summary="For dim cells.", licence="CC0", data="40 $ images"),
        figures={"dice": 0.91234, "iou": float("nan")},
        split="4 held-out wells",
    )
    for part in (
        "# gentle",
        "For dim cells.",
        "unet, depth 3, width 12, group norm",
        "3 channels; 2 % to 98 % of the frame become 0 to 1; resized to 256×300 px",
        "at least 0.4; pieces below 37 px",
        "0.65 µm",
        "21.2 px",
        "`ab12`",
        "CC0",
        "40 $ images",
        "On 4 held-out wells",
        "| dice | 0.9123 |",
        "| iou | nan |",
        "| version | 1.2.3 |",
    ):
        assert part in card, part


def test_what_is_left_out_is_said_to_be():
    card = model_card(ModelSpec(name="x", model=ModelConfig(), preprocess=PreprocessConfig()))
    assert card.count(UNSTATED) == 6
    assert "None were measured." in card
    assert "not known" in card
    assert "$" not in card


def test_the_template_in_the_docs_is_the_one_that_is_filled():
    root = Path(__file__).resolve().parent.parent.parent
    docs = (root / "docs" / "model-card-template.md").read_text(encoding="utf-8")
    assert TEMPLATE.read_text(encoding="utf-8") in docs
