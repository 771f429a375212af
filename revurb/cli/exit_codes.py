"""The exit codes of all commands: one table for the help, the documents, and the tests."""

from __future__ import annotations

from collections.abc import Mapping

OK, FAILED, UNUSABLE, DEGRADED, INTERRUPTED = 0, 1, 2, 3, 130

# What each says, whichever the command.
EXIT_CODES: Mapping[int, str] = {
    OK: "It is done, or what was asked about is well; also when Ctrl-C is how a command ends (serve, listen, top).",
    FAILED: "It could not be done, or what was asked about is not well: no server, no answer, a refusal.",
    UNUSABLE: "The command line or the configuration cannot be used; nothing was done.",
    DEGRADED: "It works, but a process is cut off from the others, or a figure is void.",
    INTERRUPTED: "Ctrl-C, before it was done.",
}

_USUAL = (OK, FAILED, UNUSABLE, INTERRUPTED)
# Those of a command that has not the usual ones; every command has 2.
OTHER_CODES: Mapping[str, tuple[int, ...]] = {
    "serve": (OK, FAILED, UNUSABLE),
    "listen": (OK, FAILED, UNUSABLE),
    "status": (OK, FAILED, UNUSABLE, DEGRADED, INTERRUPTED),
    "bench": (OK, FAILED, UNUSABLE, DEGRADED, INTERRUPTED),
    "top": (OK, FAILED, UNUSABLE),
    "config show": (OK, UNUSABLE),
    "config check": (OK, UNUSABLE),
    "config docs": (OK, UNUSABLE),
    "auth": (OK, UNUSABLE),
    "import": (OK, FAILED, UNUSABLE),
    "completion install": (OK, FAILED, UNUSABLE),
    "init": (OK, FAILED, UNUSABLE),
}


def codes_of(command: str) -> tuple[int, ...]:
    """The exit codes of a command, such as "apps list"."""
    return OTHER_CODES.get(command, _USUAL)


def exit_code_lines() -> str:
    """The paragraph for the end of `revurb --help`."""
    short = {
        OK: "done, or well",
        FAILED: "could not be done, or is not well",
        UNUSABLE: "the command line or the configuration cannot be used",
        DEGRADED: "works, but is cut off from others, or a figure is void",
        INTERRUPTED: "Ctrl-C before it was done",
    }
    return "\n".join(("\b", "Exit codes:", *(f"  {code:<4} {text}" for code, text in short.items())))
