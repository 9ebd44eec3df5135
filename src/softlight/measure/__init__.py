"""Numbers from labels: shape of each cell, motion of each track, growth of each population."""
