from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from revurb.cli.options import config_flags, config_options, load_or_exit
from revurb.config import SETTINGS, Config, Setting
from tests.cli.conftest import Project

FLAGS = [setting for setting in SETTINGS if setting.option.flag is not None]


@click.command()
@config_options
@config_flags()
def verb(**flags: Any) -> None:
    config = load_or_exit(**flags)
    click.echo(f"{config.server.port} {config.server.drain_timeout_s:g} {config.log.debug}")


@pytest.mark.parametrize("setting", FLAGS, ids=lambda setting: setting.key)
def test_every_flag_is_offered_with_its_declaration(setting: Setting) -> None:
    (option,) = [param for param in verb.params if setting.option.flag in param.opts]
    assert isinstance(option, click.Option)
    assert option.help is not None
    assert option.help.startswith(setting.option.doc)
    assert setting.option.env is not None
    assert setting.option.env in option.help


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ([], "8080 8 False\n"),
        (["--port", "7000"], "7000 8 False\n"),
        (["--drain-timeout", "2.5", "--debug"], "8080 2.5 True\n"),
        (["--config", "other.toml"], "7001 8 False\n"),
        (["--env-file", "other.env"], "7002 8 False\n"),
        (["--config", "other.toml", "--env-file", "other.env", "--port", "7003"], "7003 8 False\n"),
    ],
)
def test_flags_choose_and_override(project: Project, arguments: list[str], output: str) -> None:
    project.write("other.toml", "[server]\nport = 7001\n")
    project.write("other.env", (project.root / ".env").read_text() + "REVERB_SERVER_PORT=7002\n")
    result = CliRunner().invoke(verb, arguments)
    assert (result.output, result.exit_code) == (output, 0)


def test_problems_are_on_standard_error_one_a_line_and_the_code_is_2(project: Project) -> None:
    result = CliRunner().invoke(verb, ["--port", "x", "--log-level", "loud"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "The configuration cannot be used:\n"
        "  server.port: found 'x' in --port; allowed: an integer from 0 to 65535\n"
        "  log.level: found 'loud' in --log-level; allowed: debug, info, warning or error\n"
    )


def test_a_program_can_give_dotted_keys_and_an_environment(project: Project) -> None:
    (project.root / ".env").unlink()
    environ = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "k", "REVERB_APP_SECRET": "s"}
    dotted: dict[str, Any] = {"server.port": 0}
    config: Config = load_or_exit(environ=environ, **dotted, port=None)
    assert (config.server.port, config.server.host, config.apps[0].id) == (0, "0.0.0.0", "1")


def test_flags_that_are_hidden_are_taken_and_not_listed(project: Project) -> None:
    @click.command()
    @config_options
    @config_flags(hidden=True)
    def quiet(**flags: Any) -> None:
        click.echo(load_or_exit(**flags).server.port)

    assert CliRunner().invoke(quiet, ["--port", "7000"]).output == "7000\n"
    help = CliRunner().invoke(quiet, ["--help"]).output
    assert "--env-file" in help
    assert "--port" not in help


@pytest.mark.parametrize(
    "arguments",
    [
        ("top", "--json", "--interval"),
        ("health", "--timeout"),
        ("drain", "--over"),
        ("log-level", "info", "--for"),
        ("bench", "--seconds"),
        ("bench", "--rate"),
    ],
)
@pytest.mark.parametrize("number", ["nan", "inf", "1e300"])
def test_seconds_and_rates_are_numbers_that_one_can_wait_for(
    project: Project, arguments: tuple[str, ...], number: str
) -> None:
    result = project.run(*arguments, number)
    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}': " in result.stderr
    assert result.stderr.count("\n") == 1
