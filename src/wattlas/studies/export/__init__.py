"""Tables of shares as weights that gateways read."""
