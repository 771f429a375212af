"""What `revurb serve` prints when it listens: its address, the apps, and lines to copy into clients."""

from __future__ import annotations

import logging
import os
import sys
from textwrap import indent

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
    client_host = f"[{host}]" if ":" in host else host  # clients put it before ":PORT" as it is
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
    if server.test_page:
        _echo(f"  a page with a test client: {base}/")
    if dev_app is not None:
        _echo(_client_lines(client_host, port, server.path, tls, base, dev_app))
    _echo("Stop with Ctrl-C.\n")


def _echo(text: str) -> None:
    print(escape_lines(text))


def _client_lines(host: str, port: int, path: str, tls: bool, base: str, app: App) -> str:
    from revurb.config.starter import laravel_env  # for --dev alone

    force_tls = "true" if tls else "false"
    js_path = f", wsPath: '{path}'" if path else ""
    py_path = f"  # the path prefix {path} goes into a reverse proxy" if path else ""
    revurb = _command()
    laravel = indent(laravel_env(app, host, port, tls=tls), "  ")
    return f"""
pusher-js (npm install pusher-js):
  import Pusher from 'pusher-js';
  const pusher = new Pusher('{app.key}', {{ cluster: '', wsHost: '{host}', wsPort: {port}, wssPort: {port},
    forceTLS: {force_tls}, enabledTransports: ['ws', 'wss'], disableStats: true{js_path} }});
  pusher.subscribe('orders').bind('created', (data) => console.log(data));

laravel-echo (npm install laravel-echo pusher-js):
  import Echo from 'laravel-echo';
  import Pusher from 'pusher-js';
  window.Pusher = Pusher;
  window.Echo = new Echo({{ broadcaster: 'reverb', key: '{app.key}', wsHost: '{host}', wsPort: {port},
    wssPort: {port}, forceTLS: {force_tls}, enabledTransports: ['ws', 'wss']{js_path} }});
  window.Echo.channel('orders').listen('.created', (data) => console.log(data));

Laravel (.env):
{laravel}

Python (pip install pusher):{py_path}
  import pusher
  client = pusher.Pusher(app_id='{app.id}', key='{app.key}', secret='{app.secret}', host='{host}', port={port},
    ssl={tls})
  client.trigger('orders', 'created', {{'id': 7}})

Shell, in another terminal:
  {revurb} listen orders
  {revurb} trigger orders created '{{"id":7}}'

curl:
  body='{{"name":"created","channel":"orders","data":"{{\\"id\\":7}}"}}'
  query="auth_key={app.key}&auth_timestamp=$(date +%s)&auth_version=1.0"
  query="$query&body_md5=$(printf %s "$body" | openssl md5 | sed 's/.* //')"
  signed=$(printf 'POST\\n%s\\n%s' {path}/apps/{app.id}/events "$query")
  signature=$(printf %s "$signed" | openssl dgst -sha256 -hmac {app.secret} | sed 's/.* //')
  curl{" -k" if tls else ""} -d "$body" "{base}/apps/{app.id}/events?$query&auth_signature=$signature"
"""


def _command() -> str:
    """What calls this program in another terminal: its name, or its path if the shell does not find it."""
    # Not by shutil.which: shutil takes 0.5 MiB, with all that it can unpack.
    programs = [os.path.join(folder, "revurb") for folder in os.get_exec_path()]
    if any(os.path.isfile(program) and os.access(program, os.X_OK) for program in programs):
        return "revurb"
    try:
        here = os.path.relpath(sys.argv[0])
    except FileNotFoundError:  # the working directory is gone: a release that has been replaced meanwhile
        here = sys.argv[0]
    return here if os.path.basename(here) == "revurb" else f"{sys.executable} -m revurb"
