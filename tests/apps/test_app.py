from revurb.apps import App

ONE = App(id="1", key="k1", secret="s1")
TWO = App(id="2", key="k2", secret="s2")


def test_the_secret_is_not_in_the_repr() -> None:
    assert "s1" not in repr(ONE)


def test_signatures() -> None:
    assert ONE.signed("text", ONE.sign("text"))
    assert not ONE.signed("text", TWO.sign("text"))
    assert not ONE.signed("text", "é\udc80")
