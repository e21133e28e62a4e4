"""The one error that this package raises for data that it cannot accept."""


class ResultsError(ValueError):
    """A row, record, CSV or results folder that breaks a rule; the message is one line."""
