"""A directory with the files of a configuration, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from revurb.config import Config, ConfigError, load

APP = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "the-key", "REVERB_APP_SECRET": "hush-hush"}
APP_TOML = '[[apps]]\nid = "1"\nkey = "the-key"\nsecret = "hush-hush"\n'


@dataclass
class Project:
    """`environ` always has a whole app, so that a test speaks only of what it is about."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text, "utf-8")
        return path

    def load(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        flags: Mapping[str, object] | None = None,
        toml_path: Path | None = None,
        env_file: Path | None = None,
        app: bool = True,
    ) -> Config:
        return load(
            flags=flags,
            environ={**(APP if app else {}), **(environ or {})},
            toml_path=toml_path,
            env_file=env_file,
            cwd=self.root,
        )

    def problems(self, environ: Mapping[str, str] | None = None, *, app: bool = True) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            self.load(environ, app=app)
        return caught.value.problems
