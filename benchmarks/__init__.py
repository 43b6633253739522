"""What Wattlas costs to run, measured beside the alternatives in the same run.

    python -m benchmarks list
    python -m benchmarks run [NAME …] [--size SIZE] [--json FILE]

registry       a benchmark is a workload, its phases and its sizes
machine        what the figures were measured on
launcher       a command in a fresh process: seconds, and its own peak of memory
shared         instances of the shared folder
worlds         instances of one program at several sizes
files          scenarios as files
modelling      the same program through modelling libraries
program        building against solving
small          a published size, and one placement
engine         the compiled engine against HiGHS, hour by hour, and under a cap
as_written     one hour as a user would write it, with three libraries
core           the real hours of 2023: every breakpoint of the frontier, two tiers
coupled        a week that start-up costs couple
tiers          a contract for sampled users against the same search in numpy
start          how long a command takes to say anything
stream         memory and time an hour as the years grow
study          the main job: seconds and memory
first_command  the first command of the README, from a fresh clone
"""
