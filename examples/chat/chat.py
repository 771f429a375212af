"""A chat whose messages go through a Revurb that runs in the same program: `make demo`, or `python chat.py`.

The browser asks this program for what must be decided (who am I, may I join, say this in a room), and Revurb tells it
what goes to many (who is there, who types, what was said). Messages are published on the server, so nobody can speak
for another; typing is whispered from client to client. Channels have history, so who was away is told what they missed.
"""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Cookie, Depends, FastAPI, Form, Header, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, StringConstraints

import revurb

FOLDER = Path(__file__).parent
HOST = os.environ.get("CHAT_HOST", "127.0.0.1")
PORT = int(os.environ.get("CHAT_PORT", "8000"))
WS_PORT = int(os.environ.get("CHAT_WS_PORT", "8080"))
ROOMS = ("general", "music", "sports")
KEPT_MESSAGES = 50  # of a room, for who enters it
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
    allowed_origins=(HOST, "localhost"),
    history=(revurb.HistoryRule(channels=("presence-room.*", "private-user.*"), size=200, ttl_s=3600),),
)
server = revurb.Server(apps=[APP], host=HOST, port=WS_PORT)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with server:  # on the loop that serves the pages
        yield


app = FastAPI(lifespan=lifespan)
numbers = itertools.count(1)
people: dict[str, dict[str, str]] = {}  # by session
rooms: defaultdict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=KEPT_MESSAGES))

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=30)]


class Login(BaseModel):
    name: Name


class Message(BaseModel):
    text: Text


def current_user(chat: Annotated[str | None, Cookie()] = None) -> dict[str, str]:
    """Who asks. Put your own login here."""
    user = people.get(chat or "")
    if user is None:
        raise HTTPException(401, "log in first")
    return user


User = Annotated[dict[str, str], Depends(current_user)]
SocketId = Annotated[str | None, Header(alias="X-Socket-ID")]  # which Echo knows


@app.post("/login")
def login(login: Login, response: Response) -> dict[str, Any]:
    session, user = secrets.token_hex(16), {"id": str(next(numbers)), "name": login.name}
    people[session] = user
    response.set_cookie("chat", session, httponly=True, samesite="strict")
    return me(user)


@app.get("/me")
def me(user: User) -> dict[str, Any]:
    return {"user": user, "rooms": ROOMS, "key": APP.key, "port": server.port}


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
def messages(user: User, room: str) -> list[dict[str, Any]]:
    """What was said last, for who enters the room, or has missed more than Revurb keeps."""
    return list(rooms[_known(room)])


@app.post("/rooms/{room}/messages")
async def say(user: User, room: str, message: Message, x_socket_id: SocketId = None) -> dict[str, Any]:
    said = _said(user, message)
    rooms[_known(room)].append(said)
    await server.trigger(f"presence-room.{room}", "message", said, socket_id=x_socket_id)
    return said


@app.post("/people/{user_id}/messages")
async def whisper(user: User, user_id: str, message: Message) -> dict[str, Any]:
    """A private message, to somebody who is there or has been."""
    if user_id not in [person["id"] for person in people.values()]:
        raise HTTPException(404, "there is nobody of that id")
    said = _said(user, message)
    await server.trigger(f"private-user.{user_id}", "message", said)
    return said


def _known(room: str) -> str:
    if room not in ROOMS:
        raise HTTPException(404, f"there is no such room; there are: {', '.join(ROOMS)}")
    return room


def _said(user: dict[str, str], message: Message) -> dict[str, Any]:
    return {"id": secrets.token_hex(8), "from": user, "text": message.text, "at": int(time.time() * 1000)}


async def file(request: Request) -> FileResponse:
    path = FILES[request.url.path]
    if not path.exists():
        raise HTTPException(503, f"{path.name} is missing: `npm ci` in {FOLDER.name}/ brings it")
    kind = "text/javascript" if path.suffix in (".js", ".mjs") else None
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return FileResponse(path, media_type=kind, headers=headers)


for path in FILES:
    app.add_route(path, file)

if __name__ == "__main__":
    with socket.create_server((HOST, PORT)) as listening:
        print(f"the chat is at http://{HOST}:{listening.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
