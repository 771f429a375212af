"""Where the secret of an `[[apps]]` table comes from."""

from __future__ import annotations

import pytest

from tests.config.project import Project


class TestSecrets:
    def write(self, project: Project, secret: str) -> None:
        project.write("revurb.toml", f'[[apps]]\nid = "a"\nkey = "k"\n{secret}\n')

    def test_from_a_variable_of_the_environment_or_the_env_file(self, project: Project) -> None:
        self.write(project, 'secret_env = "CHAT_SECRET"')
        project.write(".env", 'CHAT_SECRET="weak#er"\n')
        config = project.load(app=False)
        assert config.apps[0].secret == "weak#er"
        assert config.provenance["apps.a.secret"] == ".env (CHAT_SECRET)"
        config = project.load({"CHAT_SECRET": "stronger"}, app=False)
        assert config.apps[0].secret == "stronger"
        assert config.provenance["apps.a.secret"] == "environment (CHAT_SECRET)"

    @pytest.mark.parametrize("text", ["from-file", "from-file\n", "from-file\r\n"])
    def test_from_a_file(self, project: Project, text: str) -> None:
        (project.root / "secret").write_bytes(text.encode())
        self.write(project, 'secret_file = "secret"')
        config = project.load(app=False)
        assert config.apps[0].secret == "from-file"
        assert config.provenance["apps.a.secret"] == "revurb.toml (secret_file secret)"

    @pytest.mark.parametrize(
        ("secret", "problem"),
        [
            (
                'secret_env = "CHAT_SECRET"',
                "apps.a.secret_env: found CHAT_SECRET in revurb.toml; "
                "allowed: the name of a variable that is set",
            ),
            (
                'secret_env = "hush-hush"',
                "apps.a.secret_env: found ******** in revurb.toml; "
                "allowed: the name of a variable that is set",
            ),
            (
                "secret_env = 5",
                "apps.a.secret_env: found no text in revurb.toml; allowed: a text that is not blank",
            ),
            (
                'secret_file = "lost"',
                "apps.a.secret_file: found 'lost' in revurb.toml; "
                "allowed: a file that can be read (No such file or directory)",
            ),
            (
                'secret_file = "blank"',
                "apps.a.secret: found ******** in revurb.toml (secret_file blank); "
                "allowed: a text that is not blank",
            ),
            (
                'secret = "hush-hush"\nsecret_env = "X"',
                "apps.a.secret: found secret and secret_env in revurb.toml; allowed: one of them",
            ),
            (
                'secret = ""',
                "apps.a.secret: found ******** in revurb.toml; allowed: a text that is not blank",
            ),
            (
                "secret = 12345",
                "apps.a.secret: found ******** in revurb.toml; allowed: a text that is not blank",
            ),
            (
                "",
                "apps.a.secret: not set; allowed: secret in its table, "
                "since an app has an id, a key and a secret",
            ),
        ],
    )
    def test_problems(self, project: Project, secret: str, problem: str) -> None:
        project.write("blank", "\n")
        self.write(project, secret)
        assert project.problems(app=False) == (problem,)
