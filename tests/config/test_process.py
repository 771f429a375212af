from __future__ import annotations

from revurb.config import AUTO_WORKERS, option_rows
from tests.config.project import Project


def test_the_word_auto_is_a_number_of_workers(project: Project) -> None:
    for config in (project.load({"REVURB_WORKERS": "Auto"}), project.load(flags={"process.workers": "auto"})):
        assert config.process.workers == AUTO_WORKERS
    project.write("revurb.toml", '[process]\nworkers = "auto"\n')
    config = project.load()
    assert config.process.workers == AUTO_WORKERS
    assert next(row.value for row in option_rows(config) if row.key == "process.workers") == "auto"
