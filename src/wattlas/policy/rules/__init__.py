"""Policies that follow the rules of `placement.compare`, hour by hour."""
