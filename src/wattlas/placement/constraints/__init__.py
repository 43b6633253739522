"""What a placement must keep."""
