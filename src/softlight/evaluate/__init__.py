"""How well predicted masks agree with the truth: scores of an image, tables of many."""
