"""Who says that a client may join a channel, or who its user is: a function, an endpoint of the application, or an
`App` with its secret, where the client is the application itself.

Each is asked with the socket id, and with the channel if there is one, and gives what an endpoint answers:
`{"auth": ...}`, with `channel_data` for a presence channel, `shared_secret` for an encrypted one, "user_data" for a
sign-in.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from revurb.apps import App
from revurb.pusher_client.client_errors import AuthRefused, AuthUnavailable
from revurb.pusher_client.secret_box import KEY_BYTES, is_encrypted, shared_secret

AuthAnswer = Mapping[str, Any]
ChannelAuth = Callable[[str, str], AuthAnswer | Awaitable[AuthAnswer]]
UserAuth = Callable[[str], AuthAnswer | Awaitable[AuthAnswer]]

AUTH_TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 1_000_000
_LATER = (408, 425, 429)  # statuses after which the same request may succeed


class AppAuth:
    """Signs with the secret of an app. `user` is who the client is on presence channels, and signs in as: its "id",
    and what others are told as "user_info". `encryption_master_key_base64` is that of the application's server
    SDK."""

    def __init__(
        self,
        app: App,
        *,
        user: Mapping[str, object] | None = None,
        encryption_master_key_base64: str | None = None,
    ) -> None:
        self.app = app
        self._user = user
        self._master_key: bytes | None = None
        if encryption_master_key_base64 is not None:
            try:
                self._master_key = base64.b64decode(encryption_master_key_base64, validate=True)
            except ValueError:
                self._master_key = b""
            if len(self._master_key) != KEY_BYTES:
                raise ValueError("AppAuth.encryption_master_key_base64: allowed: 32 bytes in base64")

    def __call__(self, socket_id: str, channel: str) -> dict[str, str]:
        """The answer for a channel. Raises ValueError for what cannot be signed."""
        if is_encrypted(channel):
            if self._master_key is None:
                raise ValueError(f"{channel} is encrypted: AppAuth needs encryption_master_key_base64")
            # Checks what is signed; nothing of it but that is used.
            self.app.authorize_channel(socket_id, f"private-{channel.removeprefix('private-encrypted-')}")
            signature = self.app.sign(f"{socket_id}:{channel}")
            secret = shared_secret(channel, self._master_key)
            return {"auth": f"{self.app.key}:{signature}", "shared_secret": secret}
        if not channel.startswith("presence-"):
            return self.app.authorize_channel(socket_id, channel)
        if self._user is None:
            raise ValueError(f'{channel} has members: AppAuth needs a user, such as {{"id": "7"}}')
        user_id: Any = self._user.get("id")
        return self.app.authorize_channel(
            socket_id, channel, user_id=user_id, user_info=self._user.get("user_info")
        )

    def sign_in(self, socket_id: str) -> dict[str, str]:
        """The answer for a sign-in. Raises ValueError without a user."""
        if self._user is None:
            raise ValueError('signing in needs a user: AppAuth(app, user={"id": "7"})')
        return self.app.authenticate_user(socket_id, self._user)


class AuthEndpoint:
    """Asks an endpoint of the application over HTTP, as pusher-js does: a form with `socket_id`, with
    `channel_name` if there is one, and with `params`. It runs in a thread, since it is the standard library's
    client."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(
                f"AuthEndpoint.url: found {url!r}; allowed: a URL such as https://example.com/auth"
            )
        self._url = url
        self._headers = dict(headers or {})
        self._params = dict(params or {})
        self._timeout_s = timeout_s

    async def __call__(self, socket_id: str, channel: str) -> AuthAnswer:
        """The answer for a channel. Raises AuthRefused and AuthUnavailable."""
        return await asyncio.to_thread(self._ask, {"socket_id": socket_id, "channel_name": channel})

    async def sign_in(self, socket_id: str) -> AuthAnswer:
        """The answer for a sign-in. Raises AuthRefused and AuthUnavailable."""
        return await asyncio.to_thread(self._ask, {"socket_id": socket_id})

    def _ask(self, form: dict[str, str]) -> AuthAnswer:
        body = urllib.parse.urlencode({**form, **self._params}).encode()
        headers = {"Accept": "application/json", **self._headers}
        request = urllib.request.Request(self._url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer = json.loads(response.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            error.close()
            text = f"the auth endpoint answered {error.code}"
            if 400 <= error.code < 500 and error.code not in _LATER:
                raise AuthRefused(text, error.code) from error
            raise AuthUnavailable(text) from error
        except (OSError, ValueError) as error:
            raise AuthUnavailable(f"the auth endpoint failed: {error}") from error
        if not isinstance(answer, dict):
            raise AuthUnavailable("the auth endpoint did not answer with an object")
        return answer


def channel_authorizer(given: App | str | ChannelAuth | None) -> ChannelAuth | None:
    """What is asked about channels: an app signs, a text is the URL of an endpoint."""
    if isinstance(given, App):
        return AppAuth(given)
    if isinstance(given, str):
        return AuthEndpoint(given)
    if given is not None and not callable(given):
        raise TypeError(f"Client.auth: found {given!r}; allowed: an App, a URL or a function")
    return given


def user_authorizer(given: str | UserAuth | None, auth: ChannelAuth | None) -> UserAuth | None:
    """What is asked about the user: a text is the URL of an endpoint; without any, the app that signs."""
    if isinstance(given, str):
        return AuthEndpoint(given).sign_in
    if given is None and isinstance(auth, AppAuth):
        return auth.sign_in
    if given is not None and not callable(given):
        raise TypeError(f"Client.user_auth: found {given!r}; allowed: a URL or a function")
    return given


async def answer_of(asked: AuthAnswer | Awaitable[AuthAnswer]) -> AuthAnswer:
    """What a function for auth has given. Raises AuthRefused if that is no answer, and what the function raises."""
    try:
        async with asyncio.timeout(AUTH_TIMEOUT_S):
            answer = await asked if inspect.isawaitable(asked) else asked
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise AuthUnavailable("something in the auth function was cancelled") from None
    if not isinstance(answer, Mapping) or not isinstance(answer.get("auth"), str):
        raise AuthRefused('the auth function gave no {"auth": ...}')
    for name in ("channel_data", "user_data"):
        if not isinstance(answer.get(name), str | None):
            raise AuthRefused(f"the auth function gave a {name} that is no text")
    return answer
