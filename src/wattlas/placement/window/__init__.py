"""Hours that something couples: limits over windows, switching costs."""
