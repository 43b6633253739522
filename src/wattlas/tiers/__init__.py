"""Users and offers: what they feel, what to offer, which share of requests carbon asks to degrade.

Nothing here reads files; nothing in `placement` knows of it.
"""
