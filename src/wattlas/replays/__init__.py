"""The past, request by request: what a policy would have cost, emitted, delayed and promised."""
