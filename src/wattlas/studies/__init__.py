"""The main job in one piece: what placement and tiers say of a scenario, side by side."""
