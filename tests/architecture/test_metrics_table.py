"""The table of metrics in the documents."""

from __future__ import annotations

import re

from revurb.observe.metrics import METRICS
from tests.architecture.metrics_table import BEGIN, DOCUMENT, END, written


def test_the_table_is_up_to_date() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert BEGIN in text
    assert END in text
    assert text == written(text), "make docs writes it anew"


def test_metrics_that_the_page_speaks_of_exist() -> None:
    names = {f"revurb_{metric.name}" for metric in METRICS}
    mentioned = set(re.findall(r"revurb_[a-z_]+", DOCUMENT.read_text("utf-8")))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in mentioned} <= names
