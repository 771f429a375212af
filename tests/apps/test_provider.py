import pytest

from revurb.apps import App, AppProviderError, FixedApps

ONE = App(id="1", key="k1", secret="s1")
TWO = App(id="2", key="k2", secret="s2")


def test_apps_are_found_by_id_and_by_key() -> None:
    apps = FixedApps([ONE, TWO])
    assert (apps.find_by_id("1"), apps.find_by_key("k2")) == (ONE, TWO)
    assert (apps.find_by_id("k1"), apps.find_by_key("1")) == (None, None)
    assert list(apps.all()) == [ONE, TWO]


@pytest.mark.parametrize(
    ("second", "says"),
    [(App(id="1", key="k2", secret="s"), "id '1'"), (App(id="2", key="k1", secret="s"), "key 'k1'")],
)
def test_ids_and_keys_are_unique(second: App, says: str) -> None:
    with pytest.raises(AppProviderError, match=says):
        FixedApps([ONE, second])
