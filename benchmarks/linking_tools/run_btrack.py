"""Links a table of detections with btrack: python run_btrack.py IN.csv OUT.csv RADIUS.

Its package holds no settings; these are those of the cell_config.json that its authors publish.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import btrack
import numpy as np
import pandas as pd
from btrack.io import objects_from_array

MOTION = {
    "name": "cell_motion",
    "dt": 1.0,
    "measurements": 3,
    "states": 6,
    "accuracy": 7.5,
    "prob_not_assign": 0.001,
    "max_lost": 5,
    "A": {"matrix": (np.eye(6) + np.eye(6, k=3)).ravel().tolist()},
    "H": {"matrix": np.eye(3, 6).ravel().tolist()},
    "P": {"sigma": 150.0, "matrix": np.diag([0.1] * 3 + [1.0] * 3).ravel().tolist()},
    "G": {"sigma": 15.0, "matrix": [0.5, 0.5, 0.5, 1, 1, 1]},
    "R": {"sigma": 5.0, "matrix": np.eye(3).ravel().tolist()},
}
HYPOTHESES = {
    "name": "cell_hypothesis",
    "hypotheses": ["P_FP", "P_init", "P_term", "P_link", "P_branch", "P_dead"],
    "lambda_time": 5.0,
    "lambda_dist": 3.0,
    "lambda_link": 10.0,
    "lambda_branch": 50.0,
    "eta": 1e-10,
    "theta_dist": 20.0,
    "theta_time": 5.0,
    "dist_thresh": 40,
    "time_thresh": 2,
    "apop_thresh": 5,
    "segmentation_miss_rate": 0.1,
    "apoptosis_rate": 0.001,
    "relax": True,
}

if __name__ == "__main__":
    objects = pd.read_csv(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        settings = {"MotionModel": MOTION, "ObjectModel": {}, "HypothesisModel": HYPOTHESES}
        config.write_text(json.dumps({"TrackerConfig": settings}), encoding="utf-8")
        cells = pd.DataFrame(
            {"t": objects["frame"], "x": objects["x_px"], "y": objects["y_px"], "z": 0.0}
        )
        start = time.perf_counter()
        with btrack.BayesianTracker(verbose=False) as tracker:
            tracker.configure(str(config))
            tracker.max_search_radius = float(sys.argv[3])
            keys = ["t", "x", "y", "z"]
            tracker.append(objects_from_array(cells[keys].to_numpy(), default_keys=keys))
            tracker.volume = (
                (0, float(objects["x_px"].max())),
                (0, float(objects["y_px"].max())),
                (-1e5, 1e5),
            )
            tracker.track(step_size=100)
            tracker.optimize(options={"tm_lim": 120_000})
            tracks = tracker.tracks
        seconds = time.perf_counter() - start
    track = np.zeros(len(objects), int)
    parent = np.zeros(len(objects), int)
    for item in tracks:
        own = [reference for reference in item.refs if reference >= 0]  # below 0: made up in gaps
        track[own] = item.ID
        parent[own] = item.parent if item.parent != item.ID else 0
    alone = track == 0
    track[alone] = track.max() + 1 + np.arange(alone.sum())
    pd.DataFrame({"track_id": track, "parent_id": parent}).to_csv(sys.argv[2], index=False)
    print(seconds)
