"""What decides where the next requests go: what is observed, what is forecast, and the routing."""
