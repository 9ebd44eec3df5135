"""Cells followed through time: drift, links, gaps, divisions, repair, lineage."""
