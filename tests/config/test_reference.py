from __future__ import annotations

from pathlib import Path

import pytest

from revurb.config import APP_SETTINGS, SETTINGS, WEBHOOK_SETTINGS, Setting
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.reference import reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_document_is_what_the_declarations_say() -> None:
    assert DOCUMENT.read_text("utf-8") == reference(), "run: revurb config docs > docs/configuration.md"


def test_options_of_webhooks_are_rows_below_their_own_heading() -> None:
    section = reference().partition("## Webhooks of an app")[2].partition("\n## ")[0]
    for setting in WEBHOOK_SETTINGS:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{setting.key}` |")]
        assert setting.option.doc in row
        assert all(name in row for name in setting.option.names)


@pytest.mark.parametrize("setting", [*SETTINGS, *APP_SETTINGS], ids=lambda setting: setting.key)
def test_an_option_is_one_row_with_all_its_names(setting: Setting) -> None:
    (row,) = [line for line in reference().splitlines() if line.startswith(f"| `{setting.key}` |")]
    cells = [cell.strip() for cell in row.split(" | ")]
    if setting in APP_SETTINGS:
        field = cells.pop(1)
        assert field.startswith("`rate_limit=" if setting.key == "rate_limit.enabled" else "`")
        assert setting.key == "rate_limit.enabled" or setting.attribute.rpartition(".")[2] in field
    assert len(cells) == 5
    for name in (*setting.option.names, setting.option.flag):
        assert name is None or f"`{name}`" in cells[1]
    assert setting.option.doc in cells[4]


def test_options_of_history_are_rows_below_their_own_heading() -> None:
    section = reference().partition("## History of an app")[2].partition("\n## ")[0]
    for setting in HISTORY_SETTINGS:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{setting.key}` |")]
        assert setting.option.doc in row
