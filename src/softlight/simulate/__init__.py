"""Movies of cells with exact masks, tracks and lineage, made from physics and a seed."""
