"""How many accelerators, and where: fleets, and what they survive."""
