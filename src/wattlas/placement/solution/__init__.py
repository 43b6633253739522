"""What a solution comes to, and stretches of time put together."""
