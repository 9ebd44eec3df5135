"""Recipes wire the stages: one file a job, one TOML a published system."""
