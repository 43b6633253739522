"""When moving a block of demand pays."""
