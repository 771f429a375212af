from revurb.apps import App

ONE = App(id="1", key="k1", secret="s1")
TWO = App(id="2", key="k2", secret="s2")


def test_the_secret_is_not_in_the_repr() -> None:
    assert "s1" not in repr(ONE)


def test_signatures() -> None:
    assert ONE.signed("text", ONE.sign("text"))
    assert not ONE.signed("text", TWO.sign("text"))
    assert not ONE.signed("text", "é\udc80")


def test_a_previous_secret_is_accepted_and_signs_nothing() -> None:
    rotating = App(id="1", key="k1", secret="new", previous_secret="s1")
    assert rotating.signed("text", ONE.sign("text"))
    assert rotating.signed("text", App(id="1", key="k1", secret="new").sign("text"))
    assert not rotating.signed("text", TWO.sign("text"))
    assert rotating.sign("text") != ONE.sign("text")
    assert "s1" not in repr(rotating)
