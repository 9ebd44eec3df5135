"""A million detections linked with gaps and divisions, and laptrack and btrack beside.

    python benchmarks/linking.py --minutes 5

Random walkers with known truth: 2,000 in each of 500 frames, which divide, die, come and go at the
border, and are missed in 1 % of frames. Every tool gets positions and areas, no images. The peers
link as many of the first frames as they can in the stated minutes of processor time, and Softlight
links the same. They get settings chosen with the truth in hand from a few; Softlight gets none.
Each runs on two cores in a process of its own; seconds are of linking alone, processor seconds and
memory of the whole process.

Trackastra is not here: it needs images and downloads the weights of its network.
"""

import argparse
import itertools
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from linking_tools.scores import score
from linking_tools.walk import Truth, walk
from peers.environments import PeerError, python_of

from softlight.evaluate.table import markdown_table

RUNNERS = Path(__file__).parent / "linking_tools"
CORES = 2
GROWTH = 3  # each try of a peer has so many times the detections of the one before
SETTINGS = {  # pixels: cutoff and splitting cutoff; search radius
    "laptrack": list(itertools.product((12, 16, 24), (8, 12, 16))),
    "btrack": [(10,), (15,), (25,)],
}


@dataclass(frozen=True)
class Timed:
    """One linking: seconds of linking, and of processor time and GB of the whole process."""

    seconds: float
    cpu_s: float
    peak_gb: float
    found: pd.DataFrame


def link(python: Path, tool: str, table: Path, settings: tuple, limit_s: float) -> Timed | None:
    """The tracks of a table by one tool; None where it took too long or failed."""
    out = table.with_name(f"{table.stem}-{tool}.csv")
    out.unlink(missing_ok=True)
    command = [str(python), str(RUNNERS / f"run_{tool}.py"), str(table), str(out)]
    process = subprocess.Popen(
        [*command, *map(str, settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(CORES)},
        preexec_fn=lambda: _limited(limit_s),
    )
    _, status, usage = os.wait4(process.pid, 0)
    said = process.stdout.read().split() if process.stdout else []
    if status or not out.is_file():
        return None
    scale = 1e6 if sys.platform == "linux" else 1e9
    return Timed(
        seconds=float(said[-1]),
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_gb=usage.ru_maxrss / scale,
        found=pd.read_csv(out),
    )


def _limited(cpu_s: float) -> None:
    """Of processor time, which a busy machine does not stretch; and to two cores."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s)))
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def first_frames(truth: Truth, detections: int) -> Truth:
    """The first frames, with about so many detections."""
    per_frame = len(truth.objects) / (truth.objects["frame"].max() + 1)
    frames = max(round(detections / per_frame), 2)
    return Truth(truth.objects[truth.objects["frame"] < frames], truth.mother)


def row(tool: str, truth: Truth, timed: Timed, note: str = "") -> dict:
    """One line of the table."""
    scores = score(truth.objects, truth.mother, timed.found)
    return {
        "tool": tool,
        "detections": len(truth.objects),
        "frames": int(truth.objects["frame"].max()) + 1,
        "seconds": round(timed.seconds, 1),
        "CPU s": round(timed.cpu_s, 1),
        "peak GB": round(timed.peak_gb, 2),
        **scores,
        "settings": note,
    }


def tuned(python: Path, tool: str, folder: Path) -> tuple:
    """Of the tool's settings those with the best LNK on another, small movie."""
    truth = walk(500, 20, seed=7)
    table = folder / "tuning.csv"
    truth.objects.to_csv(table, index=False)
    best = (-1.0, SETTINGS[tool][0])
    for settings in SETTINGS[tool]:
        timed = link(python, tool, table, settings, 600)
        if timed is not None:
            best = max(best, (score(truth.objects, truth.mother, timed.found)["LNK"], settings))
    return best[1]


def beside(
    tool: str, python: Path, truth: Truth, *, folder: Path, limit_s: float
) -> tuple[list[dict], str]:
    """(the peer's largest piece and Softlight on the same, what stopped the peer)."""
    settings = tuned(python, tool, folder)
    size, best, stopped = 10_000, None, "nothing: it took all"
    while size <= GROWTH * len(truth.objects):
        piece = first_frames(truth, min(size, len(truth.objects)))
        table = folder / "piece.csv"
        piece.objects.to_csv(table, index=False)
        timed = link(python, tool, table, settings, limit_s)
        if timed is None:
            minutes = f"{limit_s / 60:g} minutes of processor time"
            stopped = f"{len(piece.objects)} detections took over {minutes}, or failed"
            break
        best = (piece, timed)
        if len(piece.objects) == len(truth.objects):
            break
        size *= GROWTH
    if best is None:
        return [], stopped
    piece, timed = best
    piece.objects.to_csv(table, index=False)
    ours = link(Path(sys.executable), "softlight", table, (), 3600)
    assert ours is not None
    note = ", ".join(f"{value} px" for value in settings)
    return [row(tool, piece, timed, note), row("softlight", piece, ours, "none")], stopped


def main() -> None:
    """Link, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=2000, help="In each frame.")
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="Of processor time, for one try."
    )
    parser.add_argument("--tools", nargs="*", default=["laptrack", "btrack"])
    parser.add_argument("--cache", type=Path, default=Path(".peers"), help="Peers' environments.")
    parser.add_argument("--out", type=Path, default=Path("runs/linking"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    truth = walk(options.cells, options.frames)
    table = options.out / "all.csv"
    truth.objects.to_csv(table, index=False)
    whole = link(Path(sys.executable), "softlight", table, (), 3600)
    assert whole is not None
    rows, notes = [row("softlight", truth, whole, "none")], []
    for tool in options.tools:
        try:
            python = python_of(tool, options.cache, note=_say)
        except PeerError as error:
            notes.append(str(error))
            continue
        found, stopped = beside(
            tool, python, truth, folder=options.out, limit_s=60 * options.minutes
        )
        rows += found
        notes.append(f"{tool} stopped at: {stopped}.")
        if len(found) == 2:
            times = [found[0][what] / max(found[1][what], 1e-9) for what in ("seconds", "CPU s")]
            notes.append(
                f"On the same, {tool} takes {times[0]:.1f} times as long as Softlight, and "
                f"{times[1]:.1f} times the processor time."
            )
    result = pd.DataFrame(rows)
    result.to_csv(options.out / "linking.csv", index=False)
    print(markdown_table(result, digits=4))
    print("\n".join(notes))


_say: Callable[[str], None] = lambda text: print(text, file=sys.stderr)  # noqa: E731


if __name__ == "__main__":
    main()
