"""The first configuration of a project."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pusher  # type: ignore[import-untyped]

from revurb.config import APP_SETTINGS, SETTINGS, WEBHOOK_SETTINGS, Config, load, new_app, starter_toml
from revurb.config.dotenv import parse_dotenv
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.starter import laravel_env

APP = new_app()


def loaded(folder: Path, text: str) -> Config:
    path = folder / "revurb.toml"
    path.write_text(text)
    return load(toml_path=path, environ={}, cwd=folder)


def test_a_new_app_is_one_that_every_sdk_takes() -> None:
    app, other = new_app(), new_app()
    assert (len(app.id), len(app.key), len(app.secret)) == (6, 20, 40)
    assert app.secret != other.secret
    assert app.key != other.key
    pusher.Pusher(app_id=app.id, key=app.key, secret=app.secret)


def test_the_file_sets_the_app_and_nothing_else(tmp_path: Path) -> None:
    text = starter_toml(APP)
    assert tomllib.loads(text)["apps"] == [{"id": APP.id, "key": APP.key, "secret": APP.secret}]
    config = loaded(tmp_path, text)
    assert [(app.id, app.key, app.secret) for app in config.apps] == [(APP.id, APP.key, APP.secret)]
    assert {origin for key, origin in config.provenance.items() if not key.startswith("apps.")} <= {"default"}


def test_every_option_is_there_with_its_sentence() -> None:
    text = starter_toml(APP)
    plain = re.sub(r"\n## ", " ", text)
    for setting in (*SETTINGS, *APP_SETTINGS, *WEBHOOK_SETTINGS, *HISTORY_SETTINGS):
        name = setting.key if setting in APP_SETTINGS else setting.key.rpartition(".")[2]
        assert re.search(rf"^#? ?{re.escape(name)} = ", text, re.MULTILINE), setting.key
        if not (setting in APP_SETTINGS and setting.required):
            words = re.sub(r"\[([^\]]+)\]\([^)]*\)|`", r"\1", setting.option.doc).split()
            assert " ".join(words) in " ".join(plain.split()), setting.key


def test_what_is_taken_out_of_its_comment_is_as_it_was(tmp_path: Path) -> None:
    """All defaults that TOML can say, at once."""
    text = starter_toml(APP).partition("\n# Who is told")[0]
    active = re.sub(r"^# (?=[\w.]+ = (?!\.\.\.$))", "", text, flags=re.MULTILINE)
    before, after = loaded(tmp_path, text), loaded(tmp_path, active)
    assert active.count("\n# ") < text.count("\n# ") / 2
    assert after.provenance["server.port"] != before.provenance["server.port"]
    assert replace(after, provenance=before.provenance, warnings=before.warnings) == before


def test_the_lines_for_laravel_are_read_here_too(tmp_path: Path) -> None:
    text = laravel_env(APP, "ws.example.com", 443, tls=True)
    (tmp_path / ".env").write_text(text)
    config = load(environ={}, cwd=tmp_path)
    assert [(app.id, app.key, app.secret) for app in config.apps] == [(APP.id, APP.key, APP.secret)]
    values = parse_dotenv(text, {}).values
    assert (values["VITE_REVERB_HOST"], values["VITE_REVERB_SCHEME"]) == ("ws.example.com", "https")
