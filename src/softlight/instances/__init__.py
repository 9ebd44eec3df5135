"""From a foreground to single cells; no torch here."""
