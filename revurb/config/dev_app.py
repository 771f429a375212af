"""The ready-made app of `revurb serve --dev`, and how other commands find the server that serves it.

Its secret is publicly known, so `--dev` listens on loopback unless `--host` is given. The id is a number, since the
Python SDK accepts no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from revurb.apps import App
from revurb.config.config import Config

DEV_APP = App(id="1", key="key1", secret="secret1")
# In place of the names in the environment or in `.env`.
DEV_ENVIRONMENT: Mapping[str, str] = {
    "REVERB_SERVER_HOST": "127.0.0.1",
    "REVERB_APP_ID": DEV_APP.id,
    "REVERB_APP_KEY": DEV_APP.key,
    "REVERB_APP_SECRET": DEV_APP.secret,
}
# Unless they are set.
DEV_DEFAULTS: Mapping[str, str] = {"REVURB_TEST_PAGE": "true"}


def served_dev_app(config: Config) -> App | None:
    """The ready-made app, if the server has it; with the limits that are set."""
    for app in config.apps if not config.looks_up_apps else ():
        if (app.id, app.key, app.secret) == (DEV_APP.id, DEV_APP.key, DEV_APP.secret):
            return app
    return None


def dev_environment(config: Config, port: int) -> dict[str, str] | None:
    """The environment with which another command of this host finds the server and its ready-made app; None if it has
    none. `port` is the one that it listens on."""
    if served_dev_app(config) is None:
        return None
    tls = {"REVURB_TLS_CERT": config.tls.cert, "REVURB_TLS_KEY": config.tls.key}
    return {
        **DEV_ENVIRONMENT,
        "REVERB_SERVER_HOST": config.server.host,
        "REVERB_SERVER_PORT": str(port),
        "REVERB_SERVER_PATH": config.server.path,
        **{name: path for name, path in tls.items() if path is not None},
    }
