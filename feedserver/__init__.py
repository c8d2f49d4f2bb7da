"""feedserver: training in the calendar people already use, and the answer back."""

__version__ = "0.1.0"
