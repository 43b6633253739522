"""Tables that describe a plan."""
