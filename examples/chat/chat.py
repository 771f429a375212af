"""A chat whose messages go through a Revurb that runs in the same program: `make demo`, or `python chat.py`.

The browser asks this program for what must be decided (who am I, may I join, say this in a room), and Revurb tells it
what goes to many (who is there, who types, what was said). Messages are published on the server, so nobody can speak
for another; typing is whispered from client to client. Channels have history, so who was away is told what they missed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import socket
import sys
import time
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Cookie, Depends, FastAPI, Form, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, StringConstraints

import revurb

FOLDER = Path(__file__).parent


def port_of(name: str, default: int) -> int:
    """The port that a variable names. Ends the program where it names none."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) > 65535:
        sys.exit(f"chat: {name}={text}: allowed: 0 to 65535")
    return int(text)


HOST = os.environ.get("CHAT_HOST", "127.0.0.1")
PORT = port_of("CHAT_PORT", 8000)
WS_PORT = port_of("CHAT_WS_PORT", 8080)
ROOMS = ("general", "music", "sports")
KEPT_MESSAGES = 50  # of a conversation, for who opens it
FILES = {
    "/": FOLDER / "pages/index.html",
    "/chat.css": FOLDER / "pages/chat.css",
    "/chat.mjs": FOLDER / "pages/chat.mjs",
    "/view.mjs": FOLDER / "pages/view.mjs",
    "/pusher.js": FOLDER / "node_modules/pusher-js/dist/web/pusher.min.js",
    "/echo.mjs": FOLDER / "node_modules/laravel-echo/dist/echo.js",
    "/revurb.mjs": Path(revurb.__file__).parent / "browser/resume.mjs",
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src data:"

APP = revurb.App(
    id="chat",
    key="chat-key",
    secret=secrets.token_hex(32),  # nobody but this program needs it
    # Pages of other sites may not connect. Which names there are for all addresses of a host, only you know.
    allowed_origins=("*",) if HOST == "0.0.0.0" else (HOST, "localhost"),
    history=(revurb.HistoryRule(channels=("presence-room.*", "private-user.*"), size=200, ttl_s=3600),),
)
server = revurb.Server(apps=[APP], host=HOST, port=WS_PORT)


app = FastAPI()
numbers = itertools.count(1)
sessions: dict[str, dict[str, str]] = {}  # who it is, by the cookie
# By the name of a room, or the ids of two people.
conversations: defaultdict[str | frozenset[str], deque[dict[str, Any]]] = defaultdict(
    lambda: deque(maxlen=KEPT_MESSAGES)
)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=30)]


class Login(BaseModel):
    name: Name


class Message(BaseModel):
    text: Text


def current_user(chat: Annotated[str | None, Cookie()] = None) -> dict[str, str]:
    """Who asks. Put your own login here."""
    user = sessions.get(chat or "")
    if user is None:
        raise HTTPException(401, "log in first")
    return user


User = Annotated[dict[str, str], Depends(current_user)]
SocketId = Annotated[str | None, Header(alias="X-Socket-ID")]  # which Echo knows


@app.post("/login")
def login(login: Login, response: Response) -> dict[str, Any]:
    session, user = secrets.token_hex(16), {"id": str(next(numbers)), "name": login.name}
    sessions[session] = user
    response.set_cookie("chat", session, httponly=True, samesite="strict")
    return me(user)


@app.get("/me")
def me(user: User) -> dict[str, Any]:
    """Who I am, what there is, and whom I have spoken to."""
    known = [
        {"id": person["id"], "name": person["name"]}
        for person in sessions.values()
        if conversations.get(frozenset((user["id"], person["id"])))
    ]
    return {"user": user, "rooms": ROOMS, "people": known, "key": APP.key, "port": server.port}


@app.post("/broadcasting/auth")
def authorize(
    user: User, socket_id: Annotated[str, Form()], channel_name: Annotated[str, Form()]
) -> dict[str, str]:
    """Whether this user may join: any room, and the channel of their own."""
    try:
        if channel_name in [f"presence-room.{room}" for room in ROOMS]:
            return APP.authorize_channel(socket_id, channel_name, user_id=user["id"], user_info=user)
        if channel_name == f"private-user.{user['id']}":
            return APP.authorize_channel(socket_id, channel_name)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    raise HTTPException(403, "this channel is not yours")


@app.get("/rooms/{room}/messages")
def messages_of_room(user: User, room: str) -> list[dict[str, Any]]:
    """What was said last, for who enters the room, or has missed more than Revurb keeps."""
    return list(conversations[_known(room)])


@app.post("/rooms/{room}/messages")
async def say(user: User, room: str, message: Message, x_socket_id: SocketId = None) -> dict[str, Any]:
    said = _said(user, message)
    conversations[_known(room)].append(said)
    await server.trigger(f"presence-room.{room}", "message", said, socket_id=x_socket_id)
    return said


@app.get("/people/{user_id}/messages")
def messages_of_person(user: User, user_id: str) -> list[dict[str, Any]]:
    """What the two of us have said last."""
    return list(conversations[frozenset((user["id"], _person(user_id)["id"]))])


@app.post("/people/{user_id}/messages")
async def whisper(user: User, user_id: str, message: Message, x_socket_id: SocketId = None) -> dict[str, Any]:
    """A private message, to somebody who is there or has been, and to the other pages of who writes it."""
    said = {**_said(user, message), "to": _person(user_id)}
    conversations[frozenset((user["id"], user_id))].append(said)
    channels = {f"private-user.{user_id}", f"private-user.{user['id']}"}
    await server.trigger(channels, "message", said, socket_id=x_socket_id)
    return said


def _known(room: str) -> str:
    if room not in ROOMS:
        raise HTTPException(404, f"there is no such room; there are: {', '.join(ROOMS)}")
    return room


def _person(user_id: str) -> dict[str, str]:
    for person in sessions.values():
        if person["id"] == user_id:
            return person
    raise HTTPException(404, "there is nobody of that id")


def _said(user: dict[str, str], message: Message) -> dict[str, Any]:
    return {"id": secrets.token_hex(8), "from": user, "text": message.text, "at": int(time.time() * 1000)}


@app.exception_handler(RequestValidationError)
async def unfit(request: Request, error: RequestValidationError) -> JSONResponse:
    """One line, without the value: it may be anything, also what cannot be written as JSON."""
    first = error.errors()[0]
    return JSONResponse({"detail": f"{first['loc'][-1]}: {first['msg']}"}, 422)


async def file(request: Request) -> FileResponse:
    path = FILES[request.url.path]
    if not path.exists():
        raise HTTPException(503, f"{path.name} is missing: `npm ci` in {FOLDER.name}/ brings it")
    kind = "text/javascript" if path.suffix in (".js", ".mjs") else None
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return FileResponse(path, media_type=kind, headers=headers)


for path in FILES:
    app.add_route(path, file)


async def main() -> None:
    """Revurb and the pages, on one loop, until Ctrl-C. Raises OSError where a port is taken."""
    with socket.create_server((HOST, PORT)) as listening:
        async with server:
            print(f"the chat is at http://{HOST}:{listening.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
            await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve(sockets=[listening])


if __name__ == "__main__":
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(main())
    except OSError as error:
        sys.exit(f"chat: {error}; CHAT_PORT and CHAT_WS_PORT are the ports, CHAT_HOST is the host")
