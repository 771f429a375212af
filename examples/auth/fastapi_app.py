"""The endpoints with FastAPI: `uvicorn fastapi_app:app`."""

import os
from typing import Annotated

from fastapi import FastAPI, Form, Header, HTTPException

import revurb

REVURB = revurb.App(
    id=os.environ.get("REVERB_APP_ID", "1"),
    key=os.environ.get("REVERB_APP_KEY", "key1"),
    secret=os.environ.get("REVERB_APP_SECRET", "secret1"),
)
app = FastAPI()


@app.post("/broadcasting/auth")
def authorize(
    socket_id: Annotated[str, Form()],
    channel_name: Annotated[str, Form()],
    x_user: Annotated[str | None, Header()] = None,  # put your own login here
) -> dict[str, str]:
    if x_user is None or not may_join(x_user, channel_name):
        raise HTTPException(403)
    try:
        if channel_name.startswith("presence-"):
            return REVURB.authorize_channel(
                socket_id, channel_name, user_id=x_user, user_info={"name": f"User {x_user}"}
            )
        return REVURB.authorize_channel(socket_id, channel_name)
    except ValueError as error:  # the client sent no socket id, or no name of such a channel
        raise HTTPException(400, str(error)) from error


@app.post("/broadcasting/user-auth")
def authenticate(
    socket_id: Annotated[str, Form()], x_user: Annotated[str | None, Header()] = None
) -> dict[str, str]:
    if x_user is None:
        raise HTTPException(403)
    try:
        return REVURB.authenticate_user(socket_id, {"id": x_user, "name": f"User {x_user}"})
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


def may_join(user: str, channel: str) -> bool:
    """The rules of your application: here everybody may join but channels of other users, `private-user-8`."""
    owner = channel.removeprefix("private-user-")
    return owner in (channel, user)
