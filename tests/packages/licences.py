"""Writes docs/licences.md: what Revurb installs, and under which licence each is.

python -m tests.packages.licences
"""

from __future__ import annotations

import json

from tests.packages.test_wheel import needed
from tests.packages.tool import PYTHON_TOOLS, ROOT, passed

PAGE = ROOT / "docs" / "licences.md"
EXTRAS = frozenset({"webhooks", "sql", "encryption"})
HEAD = """# Licences

Under which licences is what Revurb installs? Revurb itself is under the MIT licence. It brings no source of others; pip
installs these, those of the extras `webhooks`, `sql` and `encryption` among them. All may be used in closed products.

<!-- Written by `python -m tests.packages.licences`, from what is installed. -->

| package | licence |
|---|---|
"""
# What may be used without opening what it is used in.
FREE = ("MIT", "BSD", "Apache", "Python Software Foundation", "PSF", "ISC", "0BSD", "Unlicense")


def licences() -> dict[str, str]:
    """The licence of each package, by its name."""
    names = sorted({name.lower() for name in needed("revurb", EXTRAS)})
    text = passed(PYTHON_TOOLS / "pip-licenses", "--format=json", "--from=mixed", "--packages", *names)
    return {row["Name"].lower(): row["License"] for row in json.loads(text)}


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {name} | {licence} |\n" for name, licence in sorted(licences().items()))


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"revurb: wrote {PAGE}")
