"""StarDist, Cellpose 3 and Softlight on the same images, for the same minutes, on this machine.

    python benchmarks/peers.py --data DIR --folds 3 --minutes 12 --speed
    python benchmarks/peers.py --train DIR --test DIR --minutes 12

What is given to each tool, and why: benchmarks/README.md.
"""

import sys

from peers.command import main

if __name__ == "__main__":
    sys.exit(main())
