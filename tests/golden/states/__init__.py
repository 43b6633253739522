"""Rare states, by values made by hand: `CASES` of each module, name → its lines."""
