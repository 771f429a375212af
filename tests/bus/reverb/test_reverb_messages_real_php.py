"""PHP itself, beside the model of it (php_model.py) against which the other tests check messages."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revurb.bus.reverb.metrics_messages import MetricsQuestion, new_key, write_answer, write_question
from revurb.bus.reverb.php_json import UnreadableByPhp
from revurb.bus.reverb.php_release import PhpRelease
from revurb.bus.reverb.reverb_messages import write_event, write_terminate
from revurb.pusher.messages import client_event_text, event_text
from revurb.pusher.ports import PublishedEvent
from tests.bus.reverb import php_model
from tests.bus.reverb.arbitrary import TEXTS, VALUES
from tests.bus.reverb.php_node import CAPTURES
from tests.conftest import Need

unhurried = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
CAPTURED = sorted(CAPTURES.glob("*.json"))


class Php:
    """A process that reads messages."""

    def __init__(self, program: str) -> None:
        script = Path(__file__).parent / "receiver.php"
        self._process = subprocess.Popen(
            [program, "-d", "memory_limit=512M", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def receive(self, data: bytes) -> Any:
        """What it understood. Raises php_model.Fatal where a node would end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(len(data).to_bytes(4) + data)
        self._process.stdin.flush()
        length = int.from_bytes(self._process.stdout.read(4))
        answer = json.loads(self._process.stdout.read(length))
        if "fatal" in answer:
            raise php_model.Fatal(answer["fatal"])
        return as_php(answer["received"])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def real(need: Need) -> Iterator[Php]:
    process = Php(need("php"))
    yield process
    process.close()


def as_php(value: Any) -> Any:
    """What JSON says after PHP has had it in its arrays: they are lists where the keys are 0, 1, 2 and so on."""
    if isinstance(value, dict):
        keys = list(value)
        is_list = keys == [str(number) for number in range(len(keys))]
        shown = {key: as_php(each) for key, each in value.items()}
        return list(shown.values()) if is_list else shown
    if isinstance(value, list):
        return [as_php(each) for each in value]
    if type(value) is int and abs(value) >= 2**53:
        return float(value)  # PHP's writer and ours put some doubles as an integer and as an exponent
    return value


@pytest.mark.parametrize("path", CAPTURED, ids=[path.stem for path in CAPTURED])
def test_php_reads_its_own_words_as_the_model_does(real: Php, path: Path) -> None:
    data = path.read_bytes()
    theirs, ours = real.receive(data), php_model.receive(data)
    if ours["type"] == "metrics":
        ours["payload"]["application"] = ours["payload"]["application"][1]
        ours["payload"]["type"] = ours["payload"]["type"][1]
    assert theirs == as_php(json.loads(json.dumps(ours)))  # whose arrays have the keys that JSON has


@unhurried
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.none() | TEXTS)
def test_php_reads_what_is_triggered(
    real: Php, app_id: str, name: str, data: str, channel: str, except_socket_id: str | None
) -> None:
    if name.startswith("client-"):
        return
    message = real.receive(
        write_event("n1", PublishedEvent(app_id, "", event_text(name, data, channel), except_socket_id))
    )
    assert message["application"] == {"id": app_id}
    assert message["payload"] == {"event": name, "channels": [channel], "data": data}
    assert message.get("socket_id") == except_socket_id


@unhurried
@given(TEXTS, TEXTS, VALUES)
def test_php_reads_what_clients_send(real: Php, name: str, channel: str, data: Any) -> None:
    raw = json.dumps(data).encode()
    with contextlib.suppress(UnreadableByPhp):
        text = client_event_text("client-" + name, channel, raw, b'"1"')
        payload = real.receive(write_event("n1", PublishedEvent("app1", "", text)))["payload"]
        assert payload == {
            "event": "client-" + name,
            "channel": channel,
            "data": as_php(data),
            "user_id": "1",
        }


@unhurried
@given(TEXTS, TEXTS)
def test_php_reads_who_is_to_go(real: Php, app_id: str, user_id: str) -> None:
    message = real.receive(write_terminate("n1", app_id, user_id))
    assert message["application"] == {"id": app_id}
    assert message["payload"] == {"user_id": user_id}


OPTIONS: list[tuple[str, Any]] = [
    ("CONNECTIONS", st.just({})),
    ("CHANNELS", st.fixed_dictionaries({"filter": st.none() | TEXTS, "info": st.none() | TEXTS})),
    ("CHANNEL", st.fixed_dictionaries({"channel": TEXTS, "info": TEXTS})),
    ("CHANNEL_USERS", st.fixed_dictionaries({"channel": TEXTS})),
]


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=[kind for kind, _ in OPTIONS])
@unhurried
@given(app_id=TEXTS, data=st.data())
def test_php_reads_questions(real: Php, kind: str, options: Any, app_id: str, data: st.DataObject) -> None:
    asked = data.draw(options)
    key = new_key()
    question = real.receive(write_question("n1", MetricsQuestion(key, app_id, kind, {}), asked))["payload"]
    assert question["application"] == {"id": app_id}
    assert (question["key"], question["type"], question["options"]) == (key, kind, as_php(asked))


@unhurried
@given(st.lists(VALUES, max_size=3) | st.dictionaries(TEXTS, VALUES, max_size=3))
def test_php_reads_answers(real: Php, payload: Any) -> None:
    key = new_key()
    with contextlib.suppress(ValueError):
        raw = json.dumps(payload, allow_nan=False).encode()
        answer = real.receive(write_answer(MetricsQuestion(key, "app1", "CHANNEL", {}), raw))
        assert answer == {"type": key, "payload": as_php(payload)}


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=[kind for kind, _ in OPTIONS])
@unhurried
@given(app_id=TEXTS, data=st.data())
def test_php_reads_the_old_form(real: Php, kind: str, options: Any, app_id: str, data: st.DataObject) -> None:
    asked = data.draw(options)
    old = MetricsQuestion(new_key(), app_id, kind, {}, PhpRelease.OLD)
    question = real.receive(write_question("n1", old, asked))
    assert question["application"] == {"id": app_id}
    assert question["payload"] == {"type": kind.lower(), "options": as_php(asked)}
    answer = real.receive(write_answer(old, b'{"a":1}'))
    assert (answer["type"], answer["key"], answer["payload"]) == ("metrics-retrieved", old.key, {"a": 1})
    assert answer["application"] == {"id": app_id}


@unhurried
@given(st.sampled_from(CAPTURED), st.integers(0, 2000), st.binary(max_size=3), st.integers(0, 3))
def test_the_model_is_as_strict_as_php(real: Php, path: Path, at: int, put: bytes, away: int) -> None:
    """What the model lets pass, PHP does: no test that leans on the model is milder than a node."""
    data = path.read_bytes()
    at %= len(data)
    damaged = data[:at] + put + data[at + away :]
    with contextlib.suppress(php_model.Fatal, UnicodeError):
        php_model.receive(damaged)
        real.receive(damaged)


@pytest.mark.parametrize(
    "text",
    [
        b"garbage",
        b"[]",
        b'{"type":"message","application":"O:8:\\"stdClass\\":0:{}","payload":{}}',
        b'{"type":"message","application":"s:1:\\"x\\";","payload":{}}',
        b'{"type":"terminate","application":"","payload":{}}',
        b'{"type":"metrics","payload":"N;"}',
        b'{"type":"AAAAAAAAAA","payload":1}',
    ],
)
def test_php_ends_on_what_is_malformed(real: Php, text: bytes) -> None:
    for receive in (real.receive, php_model.receive):
        with pytest.raises(php_model.Fatal):
            receive(text)
