"""Long plans chunk by chunk."""
