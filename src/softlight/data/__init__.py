"""Annotated images on their way to the network."""
