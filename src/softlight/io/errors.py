"""The one error of reading, and the one place where library failures become it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOISY_LOGGERS = ("tifffile", "PIL", "zarr", "numcodecs", "nd2")
_LONGEST_REASON = 160


class ImageError(ValueError):
    """A file cannot be read as an image, labels or annotation: one sentence for the user."""


class _Gate(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that the libraries log inside the block is shown: what matters we raise ourselves."""
    gate = _Gate()
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    for logger in loggers:
        logger.addFilter(gate)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(gate)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"


@contextmanager
def reading(path: Path | str, what: str = "image") -> Iterator[None]:
    """Any failure inside the block leaves it as one ImageError that names the file."""
    name = Path(path).name
    try:
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist; check the path.") from None
    except PermissionError:
        raise ImageError(f"{path} may not be read; check the permissions.") from None
    except MemoryError:
        raise ImageError(
            f"{name} needs more memory than this machine has free; crop or split it."
        ) from None
    except Exception as error:  # a decoder fed with damaged bytes raises anything
        raise ImageError(
            f"{name} is damaged or not a readable {what} ({_one_line(error)}); "
            "open it in the program that wrote it and save it again."
        ) from error
