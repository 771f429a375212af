from libc.stdint cimport uint8_t

cdef struct JsonText:
    # A string of a JSON text, between its quotes. `start` is NULL if there is none.
    const uint8_t* start
    size_t size
    size_t slashes  # that are escaped, and need not be
    bint is_plain  # ASCII without any escape

cdef struct EventBody:
    JsonText name, data, channel, socket_id


cdef bint cut_event(const uint8_t* at, const uint8_t* stop, EventBody* body) noexcept
cdef bytes event_text(const EventBody* body)
cdef str channel_of(const EventBody* body)
cdef str socket_id_of(const EventBody* body)
