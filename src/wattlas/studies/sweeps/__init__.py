"""Sweeps: one question asked of many scenarios, run by run, and what matters for the answer."""
