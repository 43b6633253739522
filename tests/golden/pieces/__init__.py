"""Outcomes of the live plane's parts for many small cases, a line for each."""
