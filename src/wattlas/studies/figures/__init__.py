"""One module per figure of the report: its tables, its words, what the terminal prints of it.

Every module of this package is imported by `studies.registry` and registers what it holds. What is
slow to import is imported inside the functions that compute.
"""
