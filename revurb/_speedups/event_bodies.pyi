def read_event(body: bytes, /) -> tuple[str, bytes, str | None] | None:
    """The channel, the finished JSON of the event, and the socket id that does not get it, of the body of a request.

    None if it is not plain: an object of `name`, `data`, one channel (`channel`, or `channels` with one) and perhaps
    `socket_id`, each there once and a string that JSON can have no other way but with escaped slashes. What it is then
    has to be found out by reading it.
    """

__pyx_capi__: dict[str, object]  # what other kernels call
