"""The answers that routes give. JSON as Reverb's, texts that begin with Reverb's sentence."""

from __future__ import annotations

import orjson

from revurb.wire.response import Response

TEXT_TYPE = "text/plain; charset=utf-8"
EMPTY = Response(200, b"{}")


class ApiError(Exception):
    """A request is refused: ends as `response`."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status, response.body)
        self.response = response


def json_response(value: object, status: int = 200) -> Response:
    return Response(status, orjson.dumps(value))


def text_response(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, text.encode("utf-8", "replace"), TEXT_TYPE, headers)


def bad_request(detail: str) -> ApiError:
    return ApiError(text_response(400, f"Bad request. {detail}"))


def payload_too_large(detail: str) -> ApiError:
    return ApiError(text_response(413, f"Payload too large. {detail}"))


def invalid_fields(messages: dict[str, list[str]]) -> ApiError:
    """Laravel's message bag: `{"name":["The name field is required."]}` with 422."""
    return ApiError(json_response(messages, 422))


def unauthorized(detail: str = "") -> ApiError:
    return ApiError(text_response(401, f"Authentication signature invalid. {detail}".strip()))


UNAVAILABLE = text_response(
    503, "Service unavailable. The apps cannot be looked up at present.", (("Retry-After", "5"),)
)
NOT_FOUND = text_response(404, "Not found.")
UPGRADE_REQUIRED = text_response(
    426,
    "Upgrade required. This is a WebSocket address: connect with ws:// or wss://.",
    (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")),
)


def method_not_allowed(allowed: str) -> Response:
    return text_response(405, "Method not allowed.", (("Allow", allowed),))


def forbidden(detail: str) -> ApiError:
    return ApiError(text_response(403, f"Forbidden. {detail}"))


def unknown_app(app_id: str) -> ApiError:
    return ApiError(text_response(404, f"No matching application for ID [{app_id}]."))
