"""A small process between the one that measures and the one that is measured.

    python -I -S launcher.py FD COMMAND …

Linux gives a process that is begun from a large one the large one's resident memory as its own
greatest so far. Begun from here, it starts from the ten MiB of a bare interpreter. What was used is
written to the file descriptor as JSON; the exit code is the command's.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(descriptor: int, command: list[str]) -> int:
    """Run the command and write its wall and CPU seconds and its peak resident memory, MiB."""
    began = time.perf_counter()
    child = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, used = os.wait4(child, 0)
    usage = {
        "wall_s": time.perf_counter() - began,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }
    with os.fdopen(descriptor, "w") as file:
        json.dump(usage, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[1]), False)
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
