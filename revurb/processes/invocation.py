"""How `revurb serve` was called: enough to find the configuration again, and to have others find it.

Options that hold a secret have no flag, so that none is ever on a command line.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from revurb.config import Config, load


def working_directory() -> Path:
    """The working directory by the name it was entered by: behind a link to the current release, a reload sees the
    next release, where the directory itself would stay the old one."""
    entered, real = os.environ.get("PWD", ""), os.getcwd()
    if os.path.isabs(entered) and os.path.isdir(entered) and os.path.samefile(entered, real):
        return Path(entered)
    return Path(real)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Flags as dotted keys and texts, and the files that were named; `environ` is the environment."""

    flags: Mapping[str, str] = field(default_factory=dict)
    toml_path: Path | None = None
    env_file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = field(default_factory=working_directory)

    def load(self) -> Config:
        """The configuration as it is now. Raises ConfigError."""
        return load(
            flags=self.flags,
            environ=self.environ,
            toml_path=self.toml_path,
            env_file=self.env_file,
            cwd=self.cwd,
        )

    def arguments(self) -> list[str]:
        """For the command line of a process with the same working directory and environment: see `from_arguments`."""
        files = (("--config", self.toml_path), ("--env-file", self.env_file))
        return [  # with an equals sign, since a value may begin with a dash
            *(f"{name}={path}" for name, path in files if path is not None),
            *(f"--set={key}={text}" for key, text in self.flags.items()),
        ]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        parser = argparse.ArgumentParser(allow_abbrev=False)
        parser.add_argument("--config", type=Path)
        parser.add_argument("--env-file", type=Path)
        parser.add_argument("--set", action="append", default=[])
        given = parser.parse_args(arguments)
        flags = {key: text for key, _, text in (word.partition("=") for word in given.set)}
        return cls(flags=flags, toml_path=given.config, env_file=given.env_file)
