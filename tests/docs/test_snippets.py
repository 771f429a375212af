"""Every piece of code in the documentation is one that its program takes.

Those of pages that promise a result are run by tests of their own, which `RUN_BY` names.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from revurb.cli.main import main
from revurb.config import load
from tests.conftest import Need
from tests.docs.snippets import ROOT, Snippet, commands, of_language

RUN_BY = {
    "README.md": "tests/cli/test_readme.py",
    "docs/client.md": "tests/pusher_client/test_client_page.py",
    "docs/testing.md": "tests/testing/test_testing_page.py",
    "docs/start.md": "tests/docs/test_start.py",
    "docs/fastapi.md": "tests/docs/test_first_applications.py",
    "docs/django.md": "tests/docs/test_first_applications.py",
    "docs/node.md": "tests/docs/test_first_applications.py",
    "docs/python.md": "tests/docs/test_first_applications.py",
    "docs/hooks.md": "tests/docs/test_guides.py",
    "docs/users.md": "tests/docs/test_guides.py",
    "docs/resume.md": "tests/docs/test_guides.py",
    "docs/browser.md": "tests/docs/test_guides.py",
    "docs/apps.md": "tests/docs/test_guides.py",
    "examples/laravel/README.md": "tests/examples/test_laravel.py",
}
SHELL = of_language("", "sh", "bash", "shell")
VARIABLE = re.compile(r"\b(RE(?:VERB|VURB)_[A-Z_]+[A-Z])\b(?!\*|_)")


def ids(snippet: Snippet) -> str:
    return str(snippet)


def test_the_tests_that_run_pages_exist() -> None:
    for page, test in RUN_BY.items():
        assert (ROOT / page).exists()
        assert Path(page).name in (ROOT / test).read_text() or "README" in page


@pytest.mark.parametrize("snippet", of_language("python"), ids=ids)
def test_python_is_python(snippet: Snippet) -> None:
    ast.parse(snippet.text)


@pytest.mark.parametrize("snippet", of_language("json"), ids=ids)
def test_json_is_json(snippet: Snippet) -> None:
    for document in re.split(r"\n(?=\{)", snippet.text.strip()):
        json.loads(re.sub(r"(?m)(^|\s)//[^\n]*", "", document).replace("[...]", "[]"))


@pytest.mark.parametrize("snippet", of_language("toml"), ids=ids)
def test_toml_is_a_configuration(snippet: Snippet, tmp_path: Path) -> None:
    """With an app where the piece only shows another part of one."""
    value = tomllib.loads(snippet.text)
    app = {"id": "1", "key": "key1", "secret": "secret1"}
    text = snippet.text
    if "apps" not in value:
        text += '\n[[apps]]\nid = "1"\nkey = "key1"\nsecret = "secret1"\n'
    elif isinstance(value["apps"], dict) or not all(app.keys() & each.keys() for each in value["apps"]):
        # A table below an app, which stands elsewhere.
        text = "[[apps]]\n" + "".join(f'{key} = "{value}"\n' for key, value in app.items()) + text
    (tmp_path / "revurb.toml").write_text(text)
    environment = {name: "secret" for name in re.findall(r'secret_env = "(\w+)"', text)}
    load(environ=environment, cwd=tmp_path)


@pytest.mark.parametrize("snippet", of_language("ini"), ids=ids)
def test_ini_is_ini(snippet: Snippet) -> None:
    configparser.ConfigParser(interpolation=None, strict=False).read_string(f"[all]\n{snippet.text}")


def test_variables_are_options() -> None:
    """Of every page, in code or not."""
    known = set(VARIABLE.findall((ROOT / "docs" / "configuration.md").read_text()))
    known |= {"REVURB_ADMIN_TOKEN_FILE", "REVURB_APP_DATABASE_FILE"}
    known -= BUILD_SWITCHES
    unknown = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in sorted({snippet.page for snippet in of_language("", "sh", "text", "ini", "yaml", "toml")})
        for name in VARIABLE.findall(page.read_text())
        if name not in known
        and not name.endswith("_FILE")
        and name not in OTHERS
        and page.name != "configuration.md"
    }
    assert unknown == set()


BUILD_SWITCHES = {"REVURB_DEBUG", "REVURB_ANNOTATE", "REVURB_SANITIZE"}  # which a server ignores
OTHERS = {
    # Of the application and its pages, of completion.
    "REVERB_ALLOWED_ORIGINS", "REVERB_PULSE_INGEST_INTERVAL", "REVERB_TELESCOPE_INGEST_INTERVAL", "REVURB_COMPLETE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("snippet", "arguments"),
    [
        pytest.param(snippet, arguments, id=f"{snippet} revurb {' '.join(arguments)}")
        for snippet in SHELL
        for arguments in commands(snippet, "revurb")
    ],
)
def test_a_command_is_one_of_revurb(snippet: Snippet, arguments: list[str]) -> None:
    """It and its options exist; what it does is not done."""
    command: click.Command = main
    context = click.Context(main, info_name="revurb")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{snippet}: there is no command {name}"
        command, context = found, click.Context(found, parent=context, info_name=name)
    if arguments and arguments[0] in ("--help", "--version"):
        return
    command.make_context(context.info_name, list(arguments), resilient_parsing=True)
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for argument in arguments:
        if argument.startswith("--"):
            assert argument.partition("=")[0] in known, f"{snippet}: {argument} is no option"


@pytest.mark.parametrize(
    ("snippet", "target"),
    [
        pytest.param(snippet, arguments[0], id=f"{snippet} make {arguments[0]}")
        for snippet in SHELL
        for arguments in commands(snippet, "make")
        if arguments
    ],
)
def test_a_target_is_one_of_the_makefile(snippet: Snippet, target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(), re.MULTILINE), snippet


def test_javascript_is_javascript(tmp_path: Path, need: Need) -> None:
    """All at once: Node takes a moment to start."""
    for number, snippet in enumerate(of_language("js", "javascript")):
        (tmp_path / f"{number}.{'cjs' if 'require(' in snippet.text else 'mjs'}").write_text(
            f"// {snippet}\n{snippet.text}"
        )
    files = sorted(map(str, tmp_path.iterdir()))
    assert files
    for file in files:
        done = subprocess.run(
            [need("node"), "--check", file], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, Path(file).read_text() + done.stderr


def test_nginx_takes_its_configuration(tmp_path: Path, need: Need) -> None:
    program = need("nginx")
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ws.example.com"]
    subprocess.run(
        [*certificate, "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    location, server = sorted(of_language("nginx"), key=lambda snippet: "server {" in snippet.text)
    # That of docs/security.md stands beside the location of docs/proxies.md.
    text = server.text.replace("    location / {", f"{location.text}    location / {{")
    text = text.replace("/etc/ssl/ws.example.com.pem", str(tmp_path / "cert.pem"))
    text = text.replace("/etc/ssl/ws.example.com.key", str(tmp_path / "key.pem"))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n")
    done = subprocess.run(
        [program, "-t", "-e", "stderr", "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "both.pem").write_text(
        (tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text()
    )
    (snippet,) = of_language("haproxy")
    text = snippet.text.replace("/etc/haproxy/ws.example.com.pem", str(tmp_path / "both.pem"))
    (tmp_path / "haproxy.cfg").write_text(text)
    done = subprocess.run(
        [need("haproxy"), "-c", "-f", tmp_path / "haproxy.cfg"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
