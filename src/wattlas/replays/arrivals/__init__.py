"""Requests that came: traces in layouts that people download, or drawn at a scenario's rates."""
