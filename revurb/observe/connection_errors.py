"""Says in a few words why a connection failed."""

from __future__ import annotations

import os
import ssl


def describe_error(error: Exception, timeout_s: float) -> str:
    """The reason why a connection failed, without an error number; `timeout_s` is how long an answer was waited for."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {str(getattr(error, 'reason', None) or error).lower().replace('_', ' ')}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
