"""What one program holds: open places, sources, unit values, columns and rows."""
