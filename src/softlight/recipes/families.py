"""The families of a movie as trees that programs for phylogenies read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from softlight.io.files import replacing
from softlight.track.lineage import build_lineage, families_newick


def write_families(path: Path, tracks: pd.DataFrame) -> None:
    """Write the families with a division, one Newick tree a line; no file where none divided."""
    trees = families_newick(build_lineage(tracks))
    if not trees:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{tree}\n" for tree in trees), encoding="ascii")
