"""What an analysis is made of, and which of its positions are finished: for resuming it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from glob import escape
from pathlib import Path
from typing import Any

from softlight.inference.predict import Segmenter
from softlight.io.exchange.run_folder import CLAIM
from softlight.io.strict_json import write_json
from softlight.recipes.analysis.kept import count_kept
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.provenance import stamp

RECORD = "position.json"
POSITIONS = "positions"


def plan_of(cells: Segmenter | Path, settings: AnalyzeSettings) -> dict[str, Any]:
    """All that decides the numbers, but the images: the model or labels, settings and version."""
    source: dict[str, Any]
    if isinstance(cells, Segmenter):
        spec = cells.spec.model_dump(mode="json")  # with the hash of the weights
        source = {"model": cells.spec.name, "model_sha256": _of_text(json.dumps(spec))}
    else:
        source = {"labels": str(cells.resolve()), "labels_sha256": _of_path(cells)}
    plan = source | {"settings": asdict(settings), "softlight": stamp()["softlight"]}
    known: dict[str, Any] = json.loads(json.dumps(plan))  # as it will be read back
    return known


def claim(out: Path, plan: dict[str, Any], *, resume: bool) -> None:
    """Write what this run is made of; one that is resumed must be of the same.

    A run that is there already is never thrown away by forgetting to resume it.
    """
    path = out / CLAIM
    if path.is_file():
        if not resume:
            raise ValueError(
                f"{out} holds an analysis already. Go on with it by --resume, or give --out "
                "another folder."
            )
        before = _read(path)
        changed = sorted(_differences(before, plan))
        if changed:
            raise ValueError(
                f"The analysis in {out} was begun with another {', '.join(changed[:3])}; its "
                "tables would mix the two. Use the same, or give --out another folder."
            )
        return
    write_json(path, plan)


def _differences(one: Any, two: Any, name: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(two, dict):
        keys = list(dict.fromkeys([*one, *two]))
        found = [_differences(one.get(key), two.get(key), str(key)) for key in keys]
        return [what for part in found for what in part]
    return [] if one == two else [name]


def folder_of(out: Path, name: str) -> Path:
    """Where the tables of one position lie."""
    return out / POSITIONS / name


def finished(out: Path, name: str, inputs: dict[str, str]) -> dict[str, Any] | None:
    """What is recorded of a position if it is done, whole, and its images are the same; else None.

    A record or a table that is damaged or gone means that the position is done again.
    """
    folder = folder_of(out, name)
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        tables = {file: folder / file for file in found["tables"]}
        same = found["inputs"] == inputs and found["tables"] == {
            file: _of_path(path) for file, path in tables.items()
        }
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not same or not (out / "labels" / f"{name}.tif").is_file():
        return None
    return dict(found)


def count_finished(out: Path) -> tuple[int, int]:
    """(how many positions of a run folder are done, how many frames of the others are kept)."""
    done = {path.parent for path in (out / POSITIONS).glob(f"*/{RECORD}")}
    begun = [path for path in (out / POSITIONS).glob("*") if path not in done]
    return len(done), sum(map(count_kept, begun))


def record(out: Path, name: str, facts: dict[str, Any]) -> None:
    """Say that a position is finished; from here on it is not done again while its tables last."""
    folder = folder_of(out, name)
    tables = {file.name: _of_path(file) for file in sorted(folder.glob("*.parquet"))}
    write_json(folder / RECORD, facts | {"tables": tables})


def forget(out: Path, name: str) -> None:
    """Say that a position is not finished, before anything of it is written anew.

    Labels of an older run go too, else a failure would leave them; and what a kill left half
    written under a temporary name.
    """
    (folder_of(out, name) / RECORD).unlink(missing_ok=True)
    for maps in ("labels", "classes"):
        (out / maps / f"{name}.tif").unlink(missing_ok=True)
    (out / "lineage" / f"{name}.nwk").unlink(missing_ok=True)
    for table in folder_of(out, name).glob("*.parquet"):
        table.unlink()
    for left in (
        *(out / "classes").glob(f".{escape(name)}.*"),
        *(out / "labels").glob(f".{escape(name)}.*"),
        *(out / "ome-zarr").glob(f".{escape(name)}.*"),
        *folder_of(out, name).glob(".*"),
    ):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def hashes(files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of each file by its path; of a folder, that of all files in it."""
    return {str(file): _of_path(file) for file in files}


def _of_path(path: Path) -> str:
    if path.is_dir():
        inside = sorted(one for one in path.rglob("*") if one.is_file())
        return _of_text("".join(f"{one.relative_to(path)} {_of_path(one)}\n" for one in inside))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(
            f"{path} is damaged, so that nothing tells what this run was begun with; give --out "
            "another folder, or delete the file if model, labels and settings are the same."
        ) from None
    return found
