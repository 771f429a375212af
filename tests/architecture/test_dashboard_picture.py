"""The picture of the dashboard in the docs is that of the file."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from tests.architecture.dashboard_picture import DASHBOARD, PICTURE, draw


def test_the_picture_is_up_to_date() -> None:
    assert PICTURE.read_text("utf-8") == draw(), "run: make docs"


def test_every_panel_is_in_it() -> None:
    said = {element.text for element in ET.fromstring(draw()).iter() if element.text}
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    assert {panel["title"] for panel in panels} <= said
