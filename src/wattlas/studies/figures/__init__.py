"""One module per figure of the report: its tables, its words, what the terminal prints of it.

Every module of this package is imported with it, in the order of their names whichever is asked
for first, and registers what it holds: the order of the tables is that of the modules. What is slow
to import is imported inside the functions that compute.
"""

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
