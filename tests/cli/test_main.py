from __future__ import annotations

import signal
import subprocess
import sys

import click
import pytest

import revurb
from revurb.cli.main import VERBS, main
from tests.cli.conftest import Project, process_environment


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(project: Project, flag: str) -> None:
    assert project.run(flag).output == f"revurb, version {revurb.__version__}\n"


def test_the_shell_completes_verbs_and_flags() -> None:
    def completed(words: str) -> set[str]:
        environment = {
            **process_environment(),
            "_REVURB_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        # As the script on the path does: the name of the program is that of the command then.
        program = "import sys; sys.argv = ['revurb']; from revurb.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.stderr == ""
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert completed("revurb st") == {"status", "stop"}
    assert completed("revurb stop --n") == {"--now"}


def test_help_lists_the_verbs(project: Project) -> None:
    output = project.run("--help").output
    for verb, (_, doc) in VERBS.items():
        assert f"{verb} " in output
        assert doc in output


@pytest.mark.parametrize("verb", ["status", "restart", "stop", "config", "trigger", "listen"])
def test_a_verb_says_of_itself_what_the_list_says(verb: str) -> None:
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    assert command.get_short_help_str(limit=200) == VERBS[verb][1]


def test_start_is_serve() -> None:
    context = click.Context(main)
    command = main.get_command(context, "serve")
    assert command is not None
    assert main.get_command(context, "start") is command


def test_an_unknown_verb(project: Project) -> None:
    result = project.run("dance")
    assert result.exit_code == 2
    assert "No such command 'dance'" in result.output


def test_the_module_is_the_command_and_loads_no_server() -> None:
    program = (
        "import runpy, sys\n"
        "sys.argv = ['revurb', '--help']\n"
        "try: runpy.run_module('revurb', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "unwanted = {'revurb.node', 'revurb.processes', 'revurb.cli.serve', 'websockets', 'revurb.config'}\n"
        "assert not unwanted & set(sys.modules)\n"
    )
    command, environment = [sys.executable, "-c", program], process_environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: revurb [OPTIONS] COMMAND")


def test_an_error_has_no_control_characters(project: Project) -> None:
    result = project.run("trigger", "orders", "created", "{}", "--url", "http://\x85\x9b2J\u202e.example")
    assert result.exit_code == 1
    assert all(line.isprintable() for line in result.stderr.split("\n"))


def test_output_to_a_descriptor_that_is_not_open_for_writing_is_one_line() -> None:
    with open("/dev/null") as unwritable:
        done = subprocess.run(
            [sys.executable, "-m", "revurb", "--help"],
            env=process_environment(),
            stdout=unwritable,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.stderr == "Error: standard output cannot be written: Bad file descriptor\n"
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config", "docs"], ["serve", "--help"]])
def test_output_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "revurb", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=process_environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.stderr == "Error: standard output cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_ctrl_c_before_the_command_is_there_says_nothing() -> None:
    """It comes while click is imported."""
    program = """if True:
        import runpy, signal, sys

        class Interrupting:
            def find_spec(self, name, path=None, target=None):
                if name == "click":
                    signal.raise_signal(signal.SIGINT)

        sys.meta_path.insert(0, Interrupting())
        runpy.run_module("revurb", run_name="__main__")
    """
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        env=process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
