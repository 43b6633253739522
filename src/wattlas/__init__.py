"""Wattlas: the energy atlas for AI inference."""

__version__ = "0.1.0"
