"""Each peer's own virtual environment, built once with the versions in ``pins/``."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

PINS = Path(__file__).parent / "pins"
MARK = "built.txt"  # the pins that an environment was built with
TOOLS = ("softlight", "stardist", "cellpose")


class PeerError(ValueError):
    """A peer cannot be installed, trained or run."""


def python_of(tool: str, cache: Path, *, note: Callable[[str], None] = lambda _: None) -> Path:
    """The interpreter with this tool: this one for Softlight, else of an environment in ``cache``.

    An environment that is missing, or was built with other pins, is built.
    """
    if tool == "softlight":
        return Path(sys.executable)
    folder = cache.absolute() / tool
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pins = (PINS / f"{tool}.txt").read_text(encoding="utf-8")
    mark = folder / MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8") != pins:
        note(f"Building the environment of {tool} in {folder} (minutes, once)")
        _call([sys.executable, "-m", "venv", "--clear", str(folder)], tool)
        # In order: the first may have to be there before the rest asks for it.
        for group in pin_groups(pins):
            _call([str(python), "-m", "pip", "install", "--quiet", *group], tool)
        mark.write_text(pins, encoding="utf-8")
    return python


def pin_groups(pins: str) -> list[list[str]]:
    """The requirements of each paragraph of a file of pins; paragraphs go in one after another."""
    paragraphs = [part.splitlines() for part in pins.split("\n\n")]
    groups = [[line.strip() for line in lines if _is_pin(line)] for lines in paragraphs]
    return [group for group in groups if group]


def _is_pin(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _call(command: Sequence[str], tool: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise PeerError(
            f"The environment of {tool} could not be built: {' '.join(last)}. It needs Python 3.11 "
            "to 3.13 and the package index; correct that, or leave the tool out with --tools."
        )
