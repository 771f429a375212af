"""What `revurb doctor` says of a Redis that refuses, with Redis' own words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import RedisError, ResponseError

from revurb.config import Config, RedisConfig, ScalingConfig
from revurb.doctor.examination import run_examination
from revurb.doctor.finding import Finding
from revurb.doctor.remedies import remedy_for
from tests.conftest import Run
from tests.redis_server import RedisServer


def examined(server: RedisServer, **options: object) -> dict[str, Finding]:
    redis = RedisConfig(host=server.socket, port=0, answer_timeout_s=1.0, **options)  # type: ignore[arg-type]
    config = Config(scaling=ScalingConfig(enabled=True, protocol="revurb", redis=redis))
    return {finding.subject: finding for finding in run_examination(config)}


async def require_password(client: Redis) -> None:
    await client.config_set("requirepass", "secret")


async def keep_to_itself(client: Redis) -> None:
    await client.execute_command("ACL", "SETUSER", "me", "on", ">secret", "~*", "&*", "+@all", "-set")  # type: ignore[no-untyped-call]


async def fill(client: Redis) -> None:
    await client.config_set("maxmemory", "1")


async def follow(client: Redis) -> None:
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("spoil", "options", "subject", "word", "advice"),
    [
        (require_password, {}, "Redis", "NOAUTH", "REDIS_PASSWORD"),
        (require_password, {"password": "wrong"}, "Redis", "WRONGPASS", "REDIS_USERNAME"),
        (keep_to_itself, {"username": "me", "password": "secret"}, "writing", "NOPERM", "rights"),
        (fill, {}, "writing", "OOM", "maxmemory"),
        (follow, {}, "writing", "READONLY", "primary"),
    ],
    ids=["NOAUTH", "WRONGPASS", "NOPERM", "OOM", "READONLY"],
)
def test_the_doctor_names_the_remedy(
    server: RedisServer,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Redis], object],
    options: dict[str, object],
    subject: str,
    word: str,
    advice: str,
) -> None:
    async def others(config: Config) -> list[Finding]:
        return []

    monkeypatch.setattr("revurb.doctor.examination.check_other_nodes", others)  # takes seconds here

    async def main() -> None:
        client = server.client()
        await spoil(client)  # type: ignore[misc]
        await client.aclose()
        await asyncio.sleep(0)

    run(main())
    finding = examined(server, **options)[subject]
    assert finding.mark == "wrong"
    assert finding.observation.startswith(word)
    assert advice in finding.advice
    assert "secret" not in str(finding)


def test_other_remedies() -> None:
    assert "disk" in remedy_for(ResponseError("MISCONF Redis is configured to save"), "?")
    assert "wait" in remedy_for(ResponseError("LOADING Redis is loading the dataset in memory"), "?")
    unknown = ssl.SSLCertVerificationError(
        "certificate verify failed: unable to get local issuer certificate"
    )
    assert "REVURB_REDIS_TLS_CA" in remedy_for(unknown, "?")
    assert remedy_for(ConnectionRefusedError("refused"), "Is it there?") == "Is it there?"


def test_sentinels_have_users_of_their_own() -> None:
    """Their words are not about the server's user."""
    refused = MasterNotFoundError("no Sentinel names the server 'main': h:26379: WRONGPASS invalid pair")
    assert "REVURB_REDIS_SENTINEL_USERNAME" in remedy_for(refused, "?")
    assert "REVURB_REDIS_TLS_CA" in remedy_for(
        MasterNotFoundError("no Sentinel names the server 'main': h:26379: certificate verify failed"), "?"
    )


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("DB index is out of range", "REDIS_DB"),
        ("Timeout connecting to server", "TLS"),
        ("Error while reading from h:6379 : (104, 'Connection reset by peer')", "REDIS_SCHEME=tls"),
        ("Connection closed by server.", "REDIS_SCHEME=tls"),
    ],
)
def test_what_a_wrong_option_looks_like(text: str, advice: str) -> None:
    assert advice in remedy_for(RedisError(text), "?")
