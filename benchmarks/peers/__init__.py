"""Softlight beside StarDist and Cellpose: same images, same minutes, same machine."""
