"""Walking cells whose speed, persistence and localisation error are known."""

import numpy as np
import pandas as pd


def walkers(
    *,
    cells: int = 100,
    frames: int = 40,
    speed: float = 0.5,
    persistence: float = 40.0,
    interval: float = 10.0,
    error: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """An objects table (µm and minutes, a pixel is 1 µm) of persistent random walks."""
    rng = np.random.default_rng(seed)
    parts = 20
    step, memory = interval / parts, np.exp(-interval / parts / persistence)
    velocity = rng.normal(0, speed / np.sqrt(2), (cells, 2))
    place = rng.uniform(0, 500, (cells, 2))
    places = [place]
    for _ in range(frames - 1):
        for _ in range(parts):
            before = velocity
            kick = rng.normal(0, speed / np.sqrt(2) * np.sqrt(1 - memory**2), (cells, 2))
            velocity = velocity * memory + kick
            place = place + (before + velocity) / 2 * step
        places.append(place)
    seen = np.array(places) + rng.normal(0, error, (frames, cells, 2))
    frame, track = np.mgrid[:frames, 1 : cells + 1]
    columns = {"frame": frame, "label": track, "track_id": track}
    columns |= {f"y_{unit}": seen[..., 0] for unit in ("px", "um")}
    columns |= {f"x_{unit}": seen[..., 1] for unit in ("px", "um")}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def path(*points: tuple[int, float, float], track: int = 1) -> pd.DataFrame:
    """The objects of one track from (frame, y, x), in pixels."""
    table = pd.DataFrame(points, columns=["frame", "y_px", "x_px"])
    return table.assign(label=track, track_id=track)
