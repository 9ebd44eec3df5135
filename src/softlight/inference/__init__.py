"""From a raw image to probabilities: tiles, and the Segmenter."""
