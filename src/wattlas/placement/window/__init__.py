"""Hours that something couples: limits over windows, frictions."""
