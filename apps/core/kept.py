"""What this process has answered lately, by what the answer depends on.

Nothing is ever told to forget: whatever changes an answer is part of the name it is kept under, the
reader's facilities above all. What is not asked for again is crowded out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")
# Longer than an answer takes on a busy machine: a guard against questions that wait for each other.
PATIENCE_SECONDS = 5.0
_all: "WeakSet[Kept[Any]]" = WeakSet()


class Kept(Generic[T]):
    """The answers asked for last, up to a number of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, T] = OrderedDict()
        self._awaited: dict[Hashable, Future[T]] = {}
        self._lock = Lock()
        _all.add(self)

    def get(self, name: Hashable) -> T | None:
        with self._lock:
            return self._known(name)

    def put(self, name: Hashable, answer: T) -> T:
        with self._lock:
            self._answers[name] = answer
            self._answers.move_to_end(name)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer

    def answer(self, name: Hashable, make: Callable[[], T]) -> T:
        """The answer kept under this name, made if there is none.

        It is made once: who asks meanwhile waits for it. Where that fails or takes too long, each
        makes it alone: an error belongs to whose question it was.
        """
        with self._lock:
            if name in self._answers:
                return self._known(name)  # type: ignore[return-value]
            awaited = self._awaited.get(name)
            if awaited is None:
                self._awaited[name] = Future()
        if awaited is None:
            return self._make(name, make)
        try:
            return awaited.result(PATIENCE_SECONDS)
        except (TimeoutError, CancelledError):
            return make()

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()

    def _known(self, name: Hashable) -> T | None:
        if name in self._answers:
            self._answers.move_to_end(name)
        return self._answers.get(name)

    def _make(self, name: Hashable, make: Callable[[], T]) -> T:
        awaited = self._awaited[name]
        try:
            answer = self.put(name, make())
        except BaseException:
            del self._awaited[name]
            awaited.cancel()
            raise
        del self._awaited[name]
        awaited.set_result(answer)
        return answer


def forget_everything() -> None:
    """For tests: what is rolled back may leave a state behind that the next one reaches too."""
    for kept in _all:
        kept.clear()
