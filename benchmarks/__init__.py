"""What Wattlas costs to run, measured beside the alternatives in the same run.

    python -m benchmarks list
    python -m benchmarks run [NAME …] [--size SIZE] [--json FILE]

registry       a benchmark is a workload, its phases and its sizes
machine        what the figures were measured on
worlds         instances of one program at several sizes
modelling      the same program through modelling libraries
program        building against solving
start          how long a command takes to say anything
study          the main job: seconds and memory
engine         the compiled engine against HiGHS, hour by hour; a script of its own
first_command  the first command of the README, from a fresh clone
"""
