"""The documentation as a site: `make site` builds it with Sphinx into build/site, warnings being errors.

The sources are the Markdown files as they lie in the repository, where they are read too: so the root is that of the
repository, links lead from one file to another, and those to programs download them.
"""

from revurb.version import __version__

project = "Revurb"
author = "Revurb"
copyright = "Revurb"
version = release = __version__
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "examples/**/README.md",
    "benchmarks/README.md",
    "benchmarks/results/*.md",
    "revurb/browser/README.md",
]
exclude_patterns = ["**/node_modules", ".venv", "build"]
source_suffix = {".md": "markdown"}
nitpicky = True
myst_enable_extensions = ["linkify"]
myst_linkify_fuzzy_links = False
myst_heading_anchors = 6
html_theme = "furo"
html_title = f"Revurb {__version__}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
highlight_language = "text"
suppress_warnings = ["misc.highlighting_failure"]  # JSON with dots for what is left out
