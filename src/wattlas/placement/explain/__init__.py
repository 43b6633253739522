"""Why there is no plan, and the proof that one is optimal."""
