from typing import final

from revurb._speedups.digests import Md5, SigningKey

@final
class PlainPublish:
    """A plain request to publish an event; `text` is the event's finished JSON for subscribers."""

    @property
    def app_id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def text(self) -> bytes: ...
    @property
    def socket_id(self) -> str | None: ...
    def is_signed(
        self, key: bytes, signing_key: SigningKey, md5: Md5, now_s: float, max_age_s: float, /
    ) -> bool:
        """Whether it is that of the app with this key and secret, and of a time that is at most `max_age_s` seconds off
        `now_s` (since 1970); with 0, of any time."""

def cut_publish(
    data: bytes, prefix: bytes, max_head_bytes: int, max_body_bytes: int, /
) -> PlainPublish | None:
    """The request that `data` is: one whole plain request to POST /apps/{id}/events, under the path `prefix`.

    None if it is anything else: then it has to be read the careful way, which may find nothing wrong with it. Plain
    has each of the five parameters of a signature once, with nothing in them to decode; fields in visible ASCII, of
    which none changes how it is answered; and a body as `event_bodies.read_event` wants it.
    """
