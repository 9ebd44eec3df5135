"""The one error of measuring."""


class MeasureError(ValueError):
    """What was given cannot be measured: one sentence for the user."""
