"""Every code that a client may be sent has a meaning."""

from __future__ import annotations

from revurb.console.code_meanings import CODE_MEANINGS
from revurb.pusher import errors
from revurb.wire import close


def test_there_is_one_for_each_code() -> None:
    sent = {
        str(error.code)
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.PusherError) and hasattr(error, "code")
    }
    sent |= {str(code) for name, code in vars(close).items() if name.isupper() and isinstance(code, int)}
    sent = {code for code in sent if code.isdecimal() and 1000 <= int(code) < 5000}
    assert len(sent) > 10
    assert sent - CODE_MEANINGS.keys() == set()
