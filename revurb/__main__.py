"""`python -m revurb` is `revurb`, and `run` is what the command of an installation calls."""

import signal
import sys


def run() -> None:
    """Run the command line. Ctrl-C ends the process at once and silently until the command is imported, which takes a
    tenth of a second and more; from then on it is the command that says how it ends."""
    if is_usual := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from revurb.cli.plain_start import serve_plainly

    if serve_plainly(sys.argv[1:]):
        return
    from revurb.cli.main import main

    if is_usual and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # and not that of a server that starts
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="revurb")


if __name__ == "__main__":
    run()
