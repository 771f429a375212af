"""Makes the UMD file and the second file of types from `resume.mjs` and `resume.d.ts`; run by `make docs`.

The module has one export, a function. The UMD file is its source with that word left out, in a function that hands it
to who asks: CommonJS, AMD, or `Revurb` of a page. TypeScript wants a file of types for each of the two; they are the
same.
"""

from __future__ import annotations

from pathlib import Path

from tests.architecture.imports import ROOT

BROWSER = ROOT / "browser"
_EXPORT = "\nexport function resume("
_BEFORE = """\
// Made from resume.mjs; do not edit.
(function (root, make) {
  if (typeof module === "object" && module.exports) make(module.exports);
  else if (typeof define === "function" && define.amd) define(["exports"], make);
  else make((root.Revurb = root.Revurb || {}));
})(typeof self !== "undefined" ? self : this, function (exports) {
"use strict";
"""
_AFTER = """\
exports.resume = resume;
});
"""


def umd(module: str) -> str:
    """The UMD file for the text of the module. Raises ValueError if its one export is not what is expected."""
    inner = module.replace(_EXPORT, "\nfunction resume(", 1)
    if inner == module or "\nexport " in inner or "\nimport " in inner:
        raise ValueError("the module must export the function `resume`, nothing else, and import nothing")
    return _BEFORE + inner + _AFTER


def packed(folder: Path = BROWSER) -> dict[Path, str]:
    """The files that are made, with their texts."""
    types = (folder / "resume.d.ts").read_text("utf-8")
    return {
        folder / "resume.umd.js": umd((folder / "resume.mjs").read_text("utf-8")),
        folder / "resume.d.mts": types,
    }


if __name__ == "__main__":
    for path, text in packed().items():
        path.write_text(text, "utf-8")
