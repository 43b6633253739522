"""The ledger: permits that are durable before they are used, and one row per request."""
