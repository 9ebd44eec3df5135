"""What a format holds beside its cells: the movie's name, pixel size, interval and shape."""

from __future__ import annotations

from typing import Any

from softlight.io.exchange.movie import ExchangeError, TrackedMovie


def checked_facts(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """Name, pixel size, interval and shape out of JSON; an ExchangeError where one is absurd."""
    found: dict[str, Any] = {}
    for key in ("pixel_size_um", "frame_interval_min"):
        value = raw.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            raise ExchangeError(f"{name}: {key} is {value!r:.40}; it must be a number above 0.")
        found[key] = float(value)
    shape = raw.get("shape")
    if shape is not None:
        if (
            not isinstance(shape, list)
            or len(shape) != 3
            or any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in shape)
        ):
            raise ExchangeError(f"{name}: the shape is {shape!r:.40}, not frames, height, width.")
        found["shape"] = tuple(shape)
    text = raw.get("name")
    if isinstance(text, str) and text and not {"/", "\\", "\0"} & set(text) and text != "..":
        found["name"] = text
    return found


def facts_of(tracked: TrackedMovie) -> dict[str, Any]:
    """Name, pixel size, interval and shape of a movie, for JSON."""
    size = tracked.size
    return {
        "name": tracked.name,
        "pixel_size_um": tracked.pixel_size_um,
        "frame_interval_min": tracked.frame_interval_min,
        "shape": None if size is None else list(size),
    }
