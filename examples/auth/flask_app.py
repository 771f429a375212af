"""The endpoints with Flask: `flask --app flask_app run`."""

import os

from flask import Flask, abort, request

import revurb

REVURB = revurb.App(
    id=os.environ.get("REVERB_APP_ID", "1"),
    key=os.environ.get("REVERB_APP_KEY", "key1"),
    secret=os.environ.get("REVERB_APP_SECRET", "secret1"),
)
app = Flask(__name__)


@app.post("/broadcasting/auth")
def authorize() -> dict[str, str]:
    user = request.headers.get("X-User")  # put your own login here
    socket_id, channel = request.form.get("socket_id", ""), request.form.get("channel_name", "")
    if user is None or not may_join(user, channel):
        abort(403)
    try:
        if channel.startswith("presence-"):
            return REVURB.authorize_channel(
                socket_id, channel, user_id=user, user_info={"name": f"User {user}"}
            )
        return REVURB.authorize_channel(socket_id, channel)
    except ValueError as error:  # the client sent no socket id, or no name of such a channel
        abort(400, str(error))


@app.post("/broadcasting/user-auth")
def authenticate() -> dict[str, str]:
    user = request.headers.get("X-User")
    if user is None:
        abort(403)
    try:
        return REVURB.authenticate_user(
            request.form.get("socket_id", ""), {"id": user, "name": f"User {user}"}
        )
    except ValueError as error:
        abort(400, str(error))


def may_join(user: str, channel: str) -> bool:
    """The rules of your application: here everybody may join but channels of other users, `private-user-8`."""
    owner = channel.removeprefix("private-user-")
    return owner in (channel, user)
