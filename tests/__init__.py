"""Tests mirror `src/wattlas`; `strategies` and `oracle` are shared by all of them."""
