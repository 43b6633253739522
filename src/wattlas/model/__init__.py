"""Frozen value objects and nothing else: no files, no solver, numpy and the standard library.

Arrays always have their axes in this order: (metro or service node, class, region, operating
point, hour). Their letters are i, s (node), k, r, o, t.
"""
