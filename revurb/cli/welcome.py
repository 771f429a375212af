"""What `revurb serve` prints when it listens: its address, the apps, and lines to copy into clients."""

from __future__ import annotations

import logging

import click

from revurb.config import App, Config
from revurb.config.normalization import shown_addresses
from revurb.observe.printable import escape_lines

_log = logging.getLogger(__name__)


def print_welcome(config: Config, port: int, apps: tuple[App, ...], dev_app: App | None) -> None:
    """Print to standard output. `dev_app` is the app whose secret may be printed, with lines for clients of it. Where
    the log is JSON, lines of that say which apps are served."""
    if config.log.format == "json":
        for app in apps:
            _log.info("serving an app", extra={"app": app.id, "key": app.key})
        return
    server = config.server
    tls = config.tls.cert is not None
    first = server.hosts[0]
    host = server.hostname or ("127.0.0.1" if first in ("0.0.0.0", "::", "") else first)
    base = f"{'https' if tls else 'http'}://{shown_addresses(host, port)}{server.path}"
    _echo(
        f"\nRevurb is listening on {shown_addresses(server.host, port)}{server.path}"
        + (" with TLS" if tls else "")
    )
    if server.unix_socket is not None:
        _echo(f"and on the Unix socket {server.unix_socket}")
    for app in apps:
        secret = f"  secret {app.secret}" if app is dev_app else ""
        _echo(f"  app id {app.id}  key {app.key}{secret}")
    if dev_app is not None:
        _echo(_client_lines(host, port, server.path, tls, base, dev_app))
    _echo("Stop with Ctrl-C.\n")


def _echo(text: str) -> None:
    click.echo(escape_lines(text))


def _client_lines(host: str, port: int, path: str, tls: bool, base: str, app: App) -> str:
    force_tls = "true" if tls else "false"
    js_path = f", wsPath: '{path}'" if path else ""
    py_path = f"  # the path prefix {path} goes into a reverse proxy" if path else ""
    return f"""
pusher-js:
  const pusher = new Pusher('{app.key}', {{ cluster: '', wsHost: '{host}', wsPort: {port}, wssPort: {port},
    forceTLS: {force_tls}, enabledTransports: ['ws', 'wss'], disableStats: true{js_path} }});
  pusher.subscribe('orders').bind('created', (data) => console.log(data));

laravel-echo:
  window.Echo = new Echo({{ broadcaster: 'reverb', key: '{app.key}', wsHost: '{host}', wsPort: {port},
    wssPort: {port}, forceTLS: {force_tls}, enabledTransports: ['ws', 'wss']{js_path} }});

Laravel (.env):
  BROADCAST_CONNECTION=reverb
  REVERB_APP_ID={app.id}
  REVERB_APP_KEY={app.key}
  REVERB_APP_SECRET={app.secret}
  REVERB_HOST={host}
  REVERB_PORT={port}
  REVERB_SCHEME={"https" if tls else "http"}

Python (pip install pusher):{py_path}
  import pusher
  client = pusher.Pusher(app_id='{app.id}', key='{app.key}', secret='{app.secret}', host='{host}', port={port},
    ssl={tls})
  client.trigger('orders', 'created', {{'id': 7}})

Shell:
  curl {base}/up
"""
