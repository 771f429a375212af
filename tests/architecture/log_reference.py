"""Writes docs/logs.md from the messages that are declared: `make docs`."""

from __future__ import annotations

from pathlib import Path

from revurb.observe.log_messages import LOG_MESSAGES, LogMessage
from tests.architecture.imports import ROOT

DOCUMENT = ROOT.parent / "docs" / "logs.md"

INTRODUCTION = """\
# Logs

<!-- Written by `make docs` from revurb/observe/log_messages.py; edit that, not this file. -->

Lines go to standard error, one for each entry, plain for people or as JSON for collectors (`REVURB_LOG_FORMAT=json`):

    2026-11-23 12:00:00 INFO    listening version=0.1.0 host=0.0.0.0 port=8080 open_files_limit=65536
    {"time":"2026-11-23T12:00:00.123Z","level":"info","logger":"revurb.processes.single_node","message":"listening",...}

The message is a constant text, and what varies is in fields with units in their names. The messages below and their
fields are stable: a change of one is a line in the [changelog](../CHANGELOG.md). A line has those of its fields that
are known; with `--workers` each also has the `worker`. Beside these there is what other libraries say (asyncio,
aiohttp).

No secret, signature, payload or header is in a line, at any level: paths come without their query, URLs without
passwords. A test greps all that a busy server prints.

A server never waits for its log: what cannot be written is dropped and counted
([operations](operations.md#what-was-refused)).

## Levels at run time

`REVURB_LOG_LEVEL` (or `--log-level`) is the level from the start on: `debug`, `info`, `warning` or `error`. `revurb
log-level warning` changes it in all processes of a running server, and `--for 60` for so many seconds. Processes that
start later have the configured one.

## The access log

`REVURB_ACCESS_LOG=connections` has a line for each WebSocket that opens and one when it closes, with the close code
(1006 where TCP ended without one), the reason, how long it was open, and the bytes of TCP in both directions, those
of the handshake and of TLS included (Linux; not of Unix sockets, nor where a peer was gone before they could be
read). `all` has a line for each HTTP request that can be read too, and each answer has the `X-Request-Id` of its
line: that of the request if it has one of up to 128 letters, digits and `._:/+=-`, else a new one.
`REVURB_ACCESS_LOG_SAMPLE=0.01` takes one in a hundred, of connections both lines or none. The client is that of
[behind a proxy](operations.md#behind-a-proxy).

A refused request whose client has sent an `X-Request-Id` has that in its line.
"""


def reference() -> str:
    parts = [INTRODUCTION]
    for title, messages in LOG_MESSAGES.items():
        parts.append(f"\n## {title}\n\n| message | level | fields |\n|---|---|---|\n")
        parts += [_row(text, message) for text, message in messages.items()]
    return "".join(parts)


def _row(text: str, message: LogMessage) -> str:
    fields = " ".join(f"`{field}`" for field in message.fields.split())
    return f"| {text.replace('|', chr(92) + '|')} | {message.levels.replace(' ', ', ')} | {fields} |\n"


def main(to: Path = DOCUMENT) -> None:
    to.write_text(reference())
    print(f"revurb: wrote {to}")


if __name__ == "__main__":
    main()
