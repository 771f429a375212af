"""The surveys that are not answered yet."""

from revurb.bus.hub.open_surveys import OpenSurveys
from revurb.bus.hub.peer import Peer
from tests.bus.hub.memory_writer import MemoryWriter


def test_a_survey_belongs_to_its_asker_until_that_is_gone() -> None:
    surveys, one, two = OpenSurveys(), Peer(MemoryWriter(), 0), Peer(MemoryWriter(), 0)
    assert [surveys.open(one, 7), surveys.open(two, 7)] == [1, 2]
    assert (surveys.asker(1), surveys.asker(2), surveys.asker(3)) == ((one, 7), (two, 7), None)
    surveys.close_all_of(one)
    assert (surveys.asker(1), surveys.asker(2)) == (None, (two, 7))
