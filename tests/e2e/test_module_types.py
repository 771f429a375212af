"""The types of the module, checked by TypeScript in strict mode, with the types of pusher-js and Echo."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.browser.packing import BROWSER
from tests.e2e.node import FOLDER

USE = """
import Echo from "laravel-echo";
import Pusher from "pusher-js";
import { resume, type Gap } from "revurb-resume";

const pusher: Pusher = resume(new Pusher("key", { cluster: "" }), { storage: sessionStorage });
pusher.bind("revurb:gap", ({ channel, reason }: Gap) => console.log(channel, reason === "expired"));
resume(pusher);
const echo = new Echo({ broadcaster: "reverb", key: "key", client: pusher });
resume(echo.connector.pusher);
"""
WRONG = """
import Pusher from "pusher-js";
import { resume, type Gap } from "revurb-resume";

declare const pusher: Pusher;
declare const gap: Gap;
// @ts-expect-error
resume({});
// @ts-expect-error
resume(pusher, { storage: {} });
// @ts-expect-error
resume(pusher, { size: 1 });
// @ts-expect-error
gap.reason === "other";
"""
MODULE = """
import { resume } from "revurb-resume";

const own = { connection: {}, subscribe: () => ({}), unsubscribe: () => {}, mine: 1 };
const mine: number = resume(own, { storage: null }).mine;
"""


@pytest.mark.parametrize("module", ["nodenext", "preserve", "commonjs"])
def test_types(module: str, tmp_path: Path, node_program: str) -> None:
    packages = tmp_path / "node_modules"
    packages.mkdir()
    for name in ("pusher-js", "laravel-echo"):
        (packages / name).symlink_to(FOLDER / "node_modules" / name)
    (packages / "revurb-resume").symlink_to(BROWSER)
    (tmp_path / "use.ts").write_text(USE)
    (tmp_path / "wrong.ts").write_text(WRONG)
    options = {
        "strict": True,
        "noEmit": True,
        "esModuleInterop": True,
        "target": "es2020",
        "lib": ["es2020", "dom"],
        "module": module,
        "moduleResolution": {"preserve": "bundler", "commonjs": "node10"}.get(module, module),
        "types": [],
        "skipLibCheck": True,  # those of others; ours are checked below
        "preserveSymlinks": True,
    }
    if module == "nodenext":  # where pusher-js has no usable types for modules
        (tmp_path / "module.mts").write_text(MODULE)
    (tmp_path / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "include": ["*.ts", "*.mts"]})
    )
    tsc = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
    commands: list[list[str | Path]] = [
        ["--project", tmp_path],
        ["--strict", "--noEmit", BROWSER / "resume.d.ts", BROWSER / "resume.d.mts"],
    ]
    for arguments in commands:
        done = subprocess.run(
            [node_program, tsc, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")
