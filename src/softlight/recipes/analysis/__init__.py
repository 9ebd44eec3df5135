"""From movies to one run folder: cells, tables, report."""
