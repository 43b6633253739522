"""The columns of a table of skill, for those who write it and those who read it."""

SPEC = "signal:text series:text ahead_h hours mean_absolute_error? persistence_error? skill?"
"""Errors in the unit of the signal; `skill` = 1 − error / error of persistence."""
