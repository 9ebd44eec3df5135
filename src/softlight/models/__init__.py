"""Networks: their blocks, their names, and how they are saved."""
