"""Join what a presence channel has of each member to the list that a new subscriber gets.

Plan: of each member one text is kept, as it stands inside a JSON string: the JSON of the user's id, a NUL, and what
follows it in the hash. The id is in the list twice, among the ids as the app wrote it and as a name in the hash; kept
apart, the two took 100 bytes more for each member.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcpy

cdef bytes QUOTE = b'\\"'  # inside a JSON string


def join_members(list texts not None, /):
    cdef Py_ssize_t ids_size = 0, hash_size = 0, size, id_size
    cdef const char* at
    cdef const char* mark
    cdef char* to_id
    cdef char* to_hash
    cdef bint is_text
    cdef bytes text, ids, hashes
    for text in texts:
        if text is None:
            raise TypeError("the text of a member is bytes")
        at, size = PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
        mark = <const char*>memchr(at, 0, <size_t>size)
        if mark is NULL or mark == at:
            raise ValueError("the text of a member has an id, and a NUL behind it")
        id_size = mark - at
        ids_size += id_size + 1
        hash_size += size + (0 if at[0] == c"\\" else 4)
    if ids_size == 0:
        return b"", b""
    ids = PyBytes_FromStringAndSize(NULL, ids_size - 1)
    hashes = PyBytes_FromStringAndSize(NULL, hash_size - 1)
    to_id, to_hash = PyBytes_AS_STRING(ids), PyBytes_AS_STRING(hashes)
    for text in texts:
        if to_id != PyBytes_AS_STRING(ids):
            to_id[0] = to_hash[0] = c","
            to_id += 1
            to_hash += 1
        at, size = PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
        id_size = <const char*>memchr(at, 0, <size_t>size) - at
        is_text = at[0] == c"\\"
        to_id = _put(to_id, at, id_size)
        if not is_text:
            to_hash = _put(to_hash, PyBytes_AS_STRING(QUOTE), 2)
        to_hash = _put(to_hash, at, id_size)
        if not is_text:
            to_hash = _put(to_hash, PyBytes_AS_STRING(QUOTE), 2)
        to_hash = _put(to_hash, at + id_size + 1, size - id_size - 1)
    return ids, hashes


cdef char* _put(char* to, const char* bytes_, Py_ssize_t size) noexcept:
    memcpy(to, bytes_, <size_t>size)
    return to + size
