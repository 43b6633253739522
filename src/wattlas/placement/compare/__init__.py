"""Baselines, counterfactuals, and what saves what."""
