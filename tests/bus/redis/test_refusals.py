"""Errors as Redis words them, in and outside of scripts."""

from __future__ import annotations

import pytest
from redis.exceptions import AuthenticationError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError

from revurb.bus.redis.refusals import is_of_value, reason_of, word_of


@pytest.mark.parametrize(
    "text",
    [
        "WRONGTYPE Operation against a key holding the wrong kind of value script: 0af, on @user_script:1.",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "ERR user_script:1: attempt to index local 'x' (a nil value) script: 5cc, on @user_script:1.",
        "hash value is not an integer",
        "The stream has exhausted the last possible ID, unable to add more items",
        "Error running script (call to f_0af): @user_script: 12: WRONGTYPE Operation against a key",
    ],
)
def test_a_value_is_one_commands_trouble(text: str) -> None:
    assert is_of_value(ResponseError(text))


@pytest.mark.parametrize(
    "error",
    [
        ReadOnlyError("You can't write against a read only replica. script: 0af, on @user_script:1."),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'. on @user_script:1."),
        ResponseError("MISCONF Redis is configured to save RDB snapshots, but it is unable to persist"),
        ResponseError("Error running script (call to f_0af): @user_script: 12: -READONLY You can't write"),
        ResponseError("NOREPLICAS Not enough good replicas to write. script: 0af, on @user_script:4."),
        ResponseError("wrong number of arguments for 'incr' command"),
        ResponseError("unknown command"),
    ],
)
def test_the_server_is_everyones(error: ResponseError) -> None:
    assert not is_of_value(error)


def caused(by: Exception) -> Exception:
    error = RedisError("Redis Cluster cannot be connected")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "word", "reason"),
    [
        (
            AuthenticationError("Authentication required.", status_code="NOAUTH"),
            "NOAUTH",
            "NOAUTH Authentication required.",
        ),
        (ResponseError("MISCONF Errors writing"), "MISCONF", "MISCONF Errors writing"),
        (
            ResponseError("@user_script: 12: -READONLY You can't"),
            "READONLY",
            "@user_script: 12: -READONLY You can't",
        ),
        (
            caused(AuthenticationError("invalid pair", status_code="WRONGPASS")),
            "WRONGPASS",
            "WRONGPASS Redis Cluster cannot be connected",
        ),
        (ResponseError("unknown command", status_code="ERR"), None, "unknown command"),
        (TimeoutError(), None, "TimeoutError"),
        (ConnectionRefusedError(111, "Connection refused"), None, "[Errno 111] Connection refused"),
        (
            RedisError("Error 111 connecting to ::1:6379. Connect call failed ('::1', 6379, 0, 0)."),
            None,
            "cannot connect to ::1:6379: connection refused",
        ),
        (
            RedisError(
                "Error connecting to h:1. Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 1)."
            ),
            None,
            "Error connecting to h:1. nothing answers on any of its addresses.",
        ),
        (
            RedisError("Error while reading from h:6379 : (104, 'Connection reset by peer')"),
            None,
            "Error while reading from h:6379 : connection reset by peer",
        ),
    ],
)
def test_redis_own_word_is_in_the_reason(error: Exception, word: str | None, reason: str) -> None:
    assert word_of(error) == word
    assert reason_of(error) == reason
