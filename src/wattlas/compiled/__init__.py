"""Compiled code that lasts: numba's own cache, in a folder that no other revision shares.

numba by itself keeps code beside the source and looks only at the file of an entry, not at the
functions that it calls. Here the folder carries a hash of all sources that are compiled, of
numba's version and of the processor, so that code of another revision can never run.
"""

from wattlas.compiled.cache import compile_together, has_code, kept

__all__ = ["compile_together", "has_code", "kept"]
