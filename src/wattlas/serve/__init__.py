"""The present: one decision per request, one ledger behind it, and the programs that ask them."""
