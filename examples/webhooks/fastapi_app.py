"""A receiver of webhooks with FastAPI: `uvicorn fastapi_app:app`. It knows which channels are occupied, and by whom."""

import hashlib
import hmac
import json
import os
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Request

KEY = os.environ.get("REVERB_APP_KEY", "key1")
SECRET = os.environ.get("REVERB_APP_SECRET", "secret1")
MAX_SEEN = 10_000

app = FastAPI()
occupied: set[str] = set()
members: dict[str, set[str]] = {}
seen: dict[str, None] = {}  # the ids of the last requests, oldest first


@app.post("/webhooks")
async def receive(
    request: Request,
    x_pusher_key: Annotated[str, Header()] = "",
    x_pusher_signature: Annotated[str, Header()] = "",
    x_revurb_webhook_id: Annotated[str, Header()] = "",
) -> dict[str, str]:
    body = await request.body()  # as it came: other JSON that means the same has another signature
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    if x_pusher_key != KEY or not hmac.compare_digest(signature.encode(), x_pusher_signature.encode()):
        raise HTTPException(401)
    if x_revurb_webhook_id in seen:  # it is sent until it is answered, which may be more than once
        return {"status": "repeated"}
    for event in json.loads(body)["events"]:
        apply(event)
    if x_revurb_webhook_id:
        seen[x_revurb_webhook_id] = None
        if len(seen) > MAX_SEEN:
            del seen[next(iter(seen))]
    return {"status": "ok"}


@app.get("/picture")
def picture() -> dict[str, Any]:
    return {
        "occupied": sorted(occupied),
        "members": {channel: sorted(users) for channel, users in sorted(members.items())},
    }


def apply(event: dict[str, Any]) -> None:
    """Events of one channel come in their order. Those that are not named here change nothing."""
    channel = event["channel"]
    match event["name"]:
        case "channel_occupied":
            occupied.add(channel)
        case "channel_vacated":
            occupied.discard(channel)
            members.pop(channel, None)
        case "member_added":
            members.setdefault(channel, set()).add(event["user_id"])
        case "member_removed":
            users = members.get(channel, set())
            users.discard(event["user_id"])
            if not users:
                members.pop(channel, None)
