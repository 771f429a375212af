"""The command line of `revurb serve`, so that the supervisor and its workers can load the configuration again.

Options with a secret have no flag, so that no command line contains one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from revurb.config import Config, load
from revurb.processes.fresh_process import Surroundings
from revurb.processes.release import in_current_release, working_directory
from revurb.processes.systemd import ENVIRONMENT_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """`flags` has the texts of the flags by the dotted keys of their options. The paths are those that were given as
    flags; None is the file of that name in the working directory. `cwd` is its name, `started_in` its real path at the
    start (see `revurb.processes.release`)."""

    flags: Mapping[str, str] = field(default_factory=dict)
    toml_path: Path | None = None
    env_file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = field(default_factory=lambda: working_directory(os.environ))
    started_in: Path = field(default_factory=lambda: Path(os.getcwd()))

    def load(self) -> Config:
        """Read the configuration again. Raises ConfigError."""
        return load(
            flags=self.flags,
            environ=self.environ,
            toml_path=self.toml_path,
            env_file=self.env_file,
            cwd=self.cwd,
        )

    def place(self) -> Surroundings:
        """Where child processes run: in the present release, with its Python if releases bring their own."""
        environ = {name: text for name, text in self.environ.items() if name not in ENVIRONMENT_NAMES}
        interpreter = in_current_release(Path(sys.executable), self.cwd, self.started_in)
        return Surroundings(environ, self.cwd, interpreter)

    def arguments(self) -> list[str]:
        """The arguments from which `from_arguments` makes the same value in a process with the same working directory
        and environment."""
        files = (("--config", self.toml_path), ("--env-file", self.env_file))
        return [  # with an equals sign, since a value may begin with a dash
            *(f"{name}={path}" for name, path in files if path is not None),
            *(f"--set={key}={text}" for key, text in self.flags.items()),
        ]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        """Exits the process if an argument is not known."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        parser.add_argument("--config", type=Path)
        parser.add_argument("--env-file", type=Path)
        parser.add_argument("--set", action="append", default=[])
        options = parser.parse_args(arguments)
        flags = {key: text for key, _, text in (flag.partition("=") for flag in options.set)}
        return cls(flags=flags, toml_path=options.config, env_file=options.env_file)
