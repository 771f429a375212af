"""The container image, as far as it can be seen without building it."""

from __future__ import annotations

import re

from tests.packages.tool import PYTHON_TOOLS, ROOT, passed

LINES = (ROOT / "Dockerfile").read_text().splitlines()


def test_hadolint_takes_it() -> None:
    passed(PYTHON_TOOLS / "hadolint", "Dockerfile")


def test_it_runs_as_a_number_in_a_folder_that_is_not_its_own() -> None:
    last_stage = LINES[max(index for index, line in enumerate(LINES) if line.startswith("FROM")) :]
    (user,) = (line.split()[1] for line in last_stage if line.startswith("USER"))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    (folder,) = (line.split()[1] for line in last_stage if line.startswith("WORKDIR"))
    assert any(f"install -d -m 0755 {folder}" in line for line in last_stage)
    assert any(line.startswith("HEALTHCHECK") for line in last_stage)
    assert 'ENTRYPOINT ["revurb"]' in last_stage  # without a shell, which would be PID 1
