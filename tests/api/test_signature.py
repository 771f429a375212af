import hashlib

import pytest

from revurb.api.answers import ApiError
from revurb.api.signature import verify
from revurb.apps import App
from tests.api.desk import NOW, a_request, signed_query

PATH = "/apps/3/events"
BODY = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'
APP = App(id="3", key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")


def check(
    query: str,
    body: bytes = b"",
    method: str = "POST",
    path: str = PATH,
    now: float = NOW,
    max_age_s: int = 600,
) -> None:
    verify(a_request(method, f"{path}?{query}", body), APP, (path,), now, max_age_s)


def refused(query: str, body: bytes = b"", method: str = "POST") -> str:
    with pytest.raises(ApiError) as caught:
        check(query, body, method)
    assert caught.value.response.status == 401
    text = caught.value.response.body.decode()
    assert text.startswith("Authentication signature invalid.")
    assert APP.secret not in text
    return text


def signed(body: bytes = b"", method: str = "POST", **params: str) -> str:
    return signed_query(APP, method, PATH, body, **params)


def by_hand(text: str, sent: str) -> str:
    """`sent`, signed as if the query to sign were `text`."""
    return f"{sent}&auth_signature={APP.sign(f'GET{chr(10)}{PATH}{chr(10)}{text}')}"


def test_the_example_of_pushers_documentation() -> None:
    query = (
        "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0"
        "&body_md5=ec365a775a4cd0599faeb73354201b6f"
        "&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
    )
    check(query, BODY, now=1353088179)
    assert "old" in refused(query, BODY)


@pytest.mark.parametrize("age_s", [-600, 0, 600])
def test_a_recent_timestamp(age_s: int) -> None:
    check(signed(auth_timestamp=str(NOW - age_s)))


@pytest.mark.parametrize(
    ("timestamp", "says"),
    [(str(NOW - 601), "601 s old"), (str(NOW + 601), "601 s ahead"), ("", "whole seconds"), ("soon", "whole seconds"),
     ("-5", "whole seconds"), ("1_7", "whole seconds"), ("١٢", "whole seconds"), ("9" * 5000, "whole seconds"),
     ("9" * 12, " s ahead"), ("9" * 13, "whole seconds")],
)  # fmt: skip
def test_a_bad_timestamp(timestamp: str, says: str) -> None:
    query = signed(auth_timestamp=timestamp)
    assert says in refused(query)
    check(query, max_age_s=0)


@pytest.mark.parametrize(
    "query", ["", "auth_signature=", "auth_signature=00", "auth_signature=%ff", "auth_signature[]=x"]
)
def test_no_signature(query: str) -> None:
    assert refused(query) == "Authentication signature invalid."


def test_a_parameter_without_a_value_is_signed_as_such() -> None:
    for value in ("a", "a b"):  # plain, and with something to decode
        query = signed(filter_by_prefix="", info=value)
        check(query)
        assert refused(query.replace("filter_by_prefix=&", "")) == "Authentication signature invalid."


def test_anything_changed_spoils_the_signature() -> None:
    query = signed(BODY)
    check(query, BODY)
    assert refused(query + "&info=x", BODY) == "Authentication signature invalid."
    assert refused(query, BODY, method="GET") == "Authentication signature invalid."
    assert "body_md5" in refused(query, BODY + b" ")


def test_what_only_the_owner_of_the_secret_is_told() -> None:
    assert "auth_key" in refused(signed(auth_key="other"))
    assert "auth_version" in refused(signed(auth_version="2.0"))
    assert "body_md5" in refused(signed(BODY, body_md5="f" * 32), BODY)
    assert "body_md5" in refused(signed(), BODY)


def test_a_get_may_carry_the_md5_of_nothing() -> None:
    query = signed(method="GET", body_md5=hashlib.md5(b"").hexdigest())
    check(query, method="GET")


def test_values_are_signed_decoded() -> None:
    check(signed(info="user_count,occupied é&="))


COMMON = f"auth_key={APP.key}&auth_timestamp={NOW}&auth_version=1.0"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (f"{COMMON}&info=x", f"Info=x&{COMMON}"),  # Pusher: keys in lower case
        (f"Info=x&{COMMON}", f"Info=x&{COMMON}"),  # Reverb: keys as sent, sorted by byte
        (f"{COMMON}&z=1,2", f"{COMMON}&z[]=1&z[]=2"),  # Reverb: arrays joined
        (f"{COMMON}&z[]=1&z[]=2", f"{COMMON}&z%5B%5D=1&z%5B%5D=2"),  # as sent
        (COMMON, f"{COMMON}&="),  # Reverb: what has no name is none
        (COMMON, f"=1&{COMMON}"),
    ],
)
def test_both_forms_of_a_query(text: str, sent: str) -> None:
    check(by_hand(text, sent), method="GET")


def test_other_sorts_are_refused() -> None:
    assert refused(by_hand(f"info=x&{COMMON}", f"info=x&{COMMON}"), method="GET")


@pytest.mark.parametrize("signed_path", [PATH, "/prefix" + PATH])
def test_a_repeated_name_is_signed_as_sent_on_any_path(signed_path: str) -> None:
    plain = f"Z=1&Z=2&{COMMON}"
    signature = APP.sign(f"GET\n{signed_path}\n{plain}")
    request = a_request("GET", f"{PATH}?{plain}&auth_signature={signature}")
    assert verify(request, APP, (PATH, "/prefix" + PATH), NOW, 600)["Z"] == "2"


@pytest.mark.parametrize("signed_path", [PATH, "/" + PATH, "//" + PATH])
def test_slashes_at_the_beginning_count_once(signed_path: str) -> None:
    """As SDKs send them whose `path` ends in one, and sign them without."""
    signature = APP.sign(f"GET\n{signed_path}\n{COMMON}")
    sent = f"//{PATH}" if signed_path == PATH else signed_path
    request = a_request("GET", f"{sent}?{COMMON}&auth_signature={signature}")
    assert verify(request, APP, (sent,), NOW, 600)["auth_key"] == APP.key
