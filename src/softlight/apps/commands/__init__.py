"""The verbs of the command line; what is heavy is imported when a verb runs."""
