"""Links a table of detections with laptrack: python run_laptrack.py IN.csv OUT.csv CUTOFF SPLIT.

Cutoffs are in pixels; gaps of three frames may be closed, as Softlight does by default.
"""

import sys
import time

import pandas as pd
from laptrack import LapTrack

if __name__ == "__main__":
    objects = pd.read_csv(sys.argv[1])
    cutoff, split = (float(word) ** 2 for word in sys.argv[3:5])
    start = time.perf_counter()
    tracker = LapTrack(
        cutoff=cutoff,
        gap_closing_cutoff=cutoff * 4,
        gap_closing_max_frame_count=3,
        splitting_cutoff=split,
    )
    table, splits, _ = tracker.predict_dataframe(
        objects, coordinate_cols=["y_px", "x_px"], only_coordinate_cols=False
    )
    seconds = time.perf_counter() - start
    table = table.reset_index(drop=True).set_index(
        ["frame_y" if "frame_y" in table else "frame", "label"]
    )
    order = pd.MultiIndex.from_frame(objects[["frame", "label"]])
    track = table["track_id"].loc[order].to_numpy() + 1
    parent = {}
    if len(splits):
        parent = dict(zip(splits["child_track_id"] + 1, splits["parent_track_id"] + 1, strict=True))
    found = pd.DataFrame({"track_id": track})
    found["parent_id"] = found["track_id"].map(parent).fillna(0).astype(int)
    found.to_csv(sys.argv[2], index=False)
    print(seconds)
