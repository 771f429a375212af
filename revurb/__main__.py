"""`python -m revurb` is `revurb`."""

from revurb.cli.main import main

if __name__ == "__main__":
    main(prog_name="revurb")
