from typing import Final, final

from typing_extensions import Buffer

from revurb._speedups.server_frames import server_frame as server_frame

CONTINUATION: Final[int]
TEXT: Final[int]
BINARY: Final[int]
CLOSE: Final[int]
PING: Final[int]
PONG: Final[int]
COMPRESSED: Final[int]

@final
class FrameReader:
    max_message_bytes: int
    def __init__(
        self,
        max_message_bytes: int,
        max_frame_bytes: int | None = None,
        max_fragments: int = 1024,
        *,
        compressed: bool = False,
    ) -> None: ...
    @property
    def at_rest(self) -> bool: ...
    @property
    def failure(self) -> tuple[int, str] | None: ...
    def feed(self, data: Buffer, /) -> list[tuple[int, bytes]]: ...
    def __sizeof__(self) -> int: ...
