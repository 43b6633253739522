"""Tests mirror `src/wattlas`; `strategies` and `oracle` are shared by all of them.

Several workers run at once on few cores, so libraries that bring threads get one each: on a busy
machine threads that wait for each other take a hundred times as long as the work.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
