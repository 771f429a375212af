"""The link between the supervisor and a template process: a stream socket pair.

The supervisor sends requests: their length and their number of descriptors, the descriptors (SCM_RIGHTS), then a
`ForkRequest` as JSON. The template answers each with a line of JSON, and says `TemplateReady` before the first. The
template may be of newer code than the supervisor, so its link has a `VERSION`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

VERSION = 1
MAX_FDS = 250  # of one message; Linux takes 253 (SCM_MAX_FD)
MAX_ANSWER_BYTES = 64 * 1024

_HEAD = struct.Struct("!II")


class ForkRequest(msgspec.Struct):
    """Fork a process that does what `python -m module arguments` does. `fds` are the numbers under which it gets the
    descriptors, in the order in which they are sent. `title` is what ps(1) shows."""

    module: str
    arguments: tuple[str, ...]
    fds: tuple[int, ...]
    title: str


class TemplateReady(msgspec.Struct, tag="ready"):
    """Everything is imported: the template forks at once from now on."""


class Forked(msgspec.Struct, tag="forked"):
    """`pid` is a child of the supervisor by now. It begins when it reads a byte from its supervision link."""

    pid: int


class ForkFailed(msgspec.Struct, tag="failed"):
    """No process was forked, as in the OSError of `number` and `reason`."""

    number: int
    reason: str


Answer: TypeAlias = TemplateReady | Forked | ForkFailed

_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
_requests = msgspec.json.Decoder(ForkRequest)


class TemplateLost(Exception):
    """The template has ended, or does not answer as it should; the text says which."""


class TemplateLink:
    """The supervisor's end. After an exception other than OSError it is of no use any more."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._received = b""

    async def send(self, request: ForkRequest, fds: Sequence[int]) -> None:
        """Send a request with its descriptors, which the caller may close then. Raises TemplateLost."""
        body = msgspec.json.encode(request)
        try:
            await self._send(_HEAD.pack(len(body), len(fds)))
            for start in range(0, len(fds), MAX_FDS):
                await self._send(b"\0", fds[start : start + MAX_FDS])
            await self._send(body)
        except OSError as error:
            raise TemplateLost(str(error)) from error

    async def receive(self) -> Answer:
        """The next answer. Raises TemplateLost."""
        loop = asyncio.get_running_loop()
        while b"\n" not in self._received:
            try:
                data = await loop.sock_recv(self._sock, MAX_ANSWER_BYTES)
            except OSError as error:
                raise TemplateLost(str(error)) from error
            if not data:
                raise TemplateLost("it has ended")
            self._received += data
            if len(self._received) > MAX_ANSWER_BYTES:
                raise TemplateLost("it answers without an end")
        line, _, self._received = self._received.partition(b"\n")
        try:
            return _answers.decode(line)
        except msgspec.MsgspecError as error:
            raise TemplateLost(f"it answers what is not known here: {error}") from error

    def close(self) -> None:
        self._sock.close()

    async def _send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        while data:
            try:
                sent = socket.send_fds(self._sock, [data], fds) if fds else self._sock.send(data)
            except BlockingIOError:
                await self._writable()
            else:
                data, fds = data[sent:], ()

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_writer(self._sock, _set_once, ready)
        try:
            await ready
        finally:
            loop.remove_writer(self._sock)


class ForkRequests:
    """The template's end, which blocks."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock

    def send(self, answer: Answer) -> None:
        """Nothing is sent to a supervisor that is gone: `receive` tells."""
        with contextlib.suppress(OSError):
            self._sock.sendall(msgspec.json.encode(answer) + b"\n")

    def receive(self) -> tuple[ForkRequest, list[int]] | None:
        """The next request and its descriptors; None when the supervisor has closed the link. Raises OSError if this
        process has no room for them, and then the request is over."""
        try:
            head = self._read(_HEAD.size)
            if head is None:
                return None
            length, count = _HEAD.unpack(head)
            fds: list[int] = []
            for start in range(0, count, MAX_FDS):
                most = min(MAX_FDS, count - start)
                _, got, _, _ = socket.recv_fds(self._sock, 1, most)
                for fd in got:  # MSG_CMSG_CLOEXEC would, but Python 3.11 passes on no flags
                    os.set_inheritable(fd, False)
                fds += got
            body = self._read(length)
        except ConnectionError:
            return None
        if body is None:
            return None
        if len(fds) < count:
            close_all(fds)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return _requests.decode(body), fds

    def close(self) -> None:
        self._sock.close()

    def _read(self, size: int) -> bytes | None:
        """None at the end of the link."""
        data = b""
        while len(data) < size:
            part = self._sock.recv(size - len(data))
            if not part:
                return None
            data += part
        return data


def _set_once(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
