"""Imports LiteLLM once, and lets copies of this process run one script each.

Run by the tests with the interpreter that has LiteLLM: to import it takes four seconds of a
processor. Each line of stdin is a script as JSON: its path, arguments, folder, environment, and the
file that takes what it says. Its exit code is then printed.
"""

import gc
import json
import os
import runpy
import sys
import traceback

gc.set_threshold(50_000, 20, 20)  # a quarter of the import was a search for garbage


def run(job):
    """The script, in a process of its own, as if it had been started alone."""
    for number, ending in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{job['said']}.{ending}", os.O_WRONLY | os.O_CREAT), number)
    os.chdir(job["folder"])
    os.environ.update(job["environment"])
    sys.argv = [job["script"], *job["arguments"]]
    code = 1
    try:
        runpy.run_path(job["script"], run_name="__main__")
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main():
    """One script after the other."""
    import litellm  # noqa: F401

    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


main()
