"""Links a table of detections with Softlight: python run_softlight.py IN.csv OUT.csv."""

import sys
import time

import pandas as pd

from softlight.track.movie import track_cells

if __name__ == "__main__":
    objects = pd.read_csv(sys.argv[1])
    start = time.perf_counter()
    tracked = track_cells(objects)
    seconds = time.perf_counter() - start
    parent = tracked.tracks.set_index("track_id")["parent_id"]
    found = tracked.objects[["track_id"]].assign(parent_id=tracked.objects["track_id"].map(parent))
    found.to_csv(sys.argv[2], index=False)
    print(seconds)
