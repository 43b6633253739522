"""`python -m wattlas`, where the command is not on the path."""

from wattlas.cli import main

if __name__ == "__main__":
    main()
