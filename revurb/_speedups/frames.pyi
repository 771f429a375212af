from typing import Final, final

from typing_extensions import Buffer

CONTINUATION: Final[int]
TEXT: Final[int]
BINARY: Final[int]
CLOSE: Final[int]
PING: Final[int]
PONG: Final[int]

@final
class FrameReader:
    max_message_bytes: int
    def __init__(
        self, max_message_bytes: int, max_frame_bytes: int | None = None, max_fragments: int = 1024
    ) -> None: ...
    @property
    def failure(self) -> tuple[int, str] | None: ...
    def feed(self, data: Buffer, /) -> list[tuple[int, bytes]]: ...
    def __sizeof__(self) -> int: ...

def server_frame(opcode: int, payload: bytes, /) -> bytes: ...
