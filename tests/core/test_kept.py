"""What a process keeps: made once however many ask at once, and nobody waits for ever."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from apps.core import kept as module
from apps.core.kept import Kept

READERS = 8


def test_an_answer_is_made_once_however_many_ask_at_once():
    kept: Kept[int] = Kept(4)
    made, together = [], Barrier(READERS)

    def make() -> int:
        made.append(1)
        Event().wait(0.05)
        return 42

    def ask() -> int:
        together.wait()
        return kept.answer("name", make)

    with ThreadPoolExecutor(READERS) as crew:
        answers = {one.result() for one in [crew.submit(ask) for _ in range(READERS)]}
    assert (answers, len(made)) == ({42}, 1)


def test_an_error_belongs_to_whose_question_it_was():
    kept: Kept[int] = Kept(4)
    begun, go_on = Event(), Event()

    def fail() -> int:
        begun.set()
        go_on.wait(5)
        raise ConnectionError

    with ThreadPoolExecutor(2) as crew:
        first = crew.submit(kept.answer, "name", fail)
        begun.wait(5)
        second = crew.submit(kept.answer, "name", lambda: 42)
        go_on.set()
        assert isinstance(first.exception(), ConnectionError)
        assert second.result() == 42
    assert kept.answer("name", lambda: 43) == 43


def test_a_question_that_waits_for_itself_is_answered_all_the_same(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    kept: Kept[int] = Kept(4)
    assert kept.answer("name", lambda: kept.answer("name", lambda: 1) + 1) == 2


def test_nothing_and_zero_are_answers_too():
    kept: Kept[int | None] = Kept(4)
    assert kept.answer("none", lambda: None) is None
    assert kept.answer("none", lambda: pytest.fail("made again")) is None


def test_what_is_asked_for_no_more_is_crowded_out():
    kept: Kept[int] = Kept(2)
    for name in ("a", "b", "a", "c"):
        kept.answer(name, lambda: 1)
    assert [kept.get(name) for name in ("a", "b", "c")] == [1, None, 1]
