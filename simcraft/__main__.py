"""`python -m simcraft` is the command line."""

from simcraft.cli import main

if __name__ == "__main__":
    main()
