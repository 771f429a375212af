"""The `.env` of examples/laravel: a server takes its app from it, and the SDK of the application reaches it."""

from __future__ import annotations

import re
from pathlib import Path

import pusher  # type: ignore[import-untyped]

from tests.processes.test_single_node import serving

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "examples" / "laravel" / "README.md").read_text()


def test_a_server_serves_the_app_of_the_env_lines(tmp_path: Path) -> None:
    match = re.search(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    (tmp_path / ".env").write_text(match[1])
    values = dict(line.split("=", 1) for line in match[1].splitlines() if "=" in line)
    with serving(tmp_path) as server:
        sdk = pusher.Pusher(
            app_id=values["REVERB_APP_ID"],
            key=values["REVERB_APP_KEY"],
            secret=values["REVERB_APP_SECRET"],
            host=values["REVERB_HOST"],
            port=server.port,
            ssl=values["REVERB_SCHEME"] == "https",
        )
        assert sdk.channels_info() == {"channels": {}}
    assert {name.removeprefix("VITE_"): values[name] for name in values if name.startswith("VITE_")} == {
        name: f'"${{{name}}}"' for name in ("REVERB_APP_KEY", "REVERB_HOST", "REVERB_PORT", "REVERB_SCHEME")
    }
