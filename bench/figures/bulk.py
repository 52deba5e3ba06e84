"""Acts on many cases: a thousand given to somebody, and a hundred thousand beside people at work.

What was done is undone, so that the crowd is as it was for whoever measures next.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.timezone import now

from apps.accounts.models import User
from apps.triage.models import BulkOperation, Case, CaseEvent, Status, Verb
from apps.triage.reader import reader
from apps.triage.services import bulk
from apps.triage.services.bulk import Confirmed, Selection
from apps.triage.services.bulk_run import advance_bulk
from bench import crowd, history
from bench.bench import Bench
from bench.client import Connection
from bench.paired import quantile
from bench.people import cookie, supervisor
from bench.report import Figure

CASES, FEW_CASES = 1_000_000, 20_000
SOME, MANY, FEW = 1_000, 100_000, 5_000
ASSIGN_SECONDS, PAGE_MS = 2.0, 200.0
BETWEEN_PAGES = 0.05
OK = 200


def measure(bench: Bench) -> Iterator[Figure]:
    database = crowd.ensure(bench.instance, bench.scaled(CASES, FEW_CASES))
    with history.using(database):
        lead = supervisor()
        yield from _some(lead)
        session = cookie(crowd.clerk())
    with (
        bench.instance.running("web", database=database) as product,
        Connection(product.url, {"Cookie": session}) as door,
        history.using(database),
    ):
        yield from _many(lead, bench.scaled(MANY, FEW), door)
        _forget()


def _some(lead: User) -> Iterator[Figure]:
    """A thousand cases: shown, given to somebody, and taken back."""
    began = time.perf_counter()
    operation = _previewed(lead, SOME)
    shown = time.perf_counter() - began
    took = _timed(operation, lead)
    yield Figure.at_most(
        f"{SOME:,} cases assigned", took, "s", ASSIGN_SECONDS, note=f"previewed in {shown:.2f} s"
    )
    began = time.perf_counter()
    bulk.undo(operation.pk, lead)
    _work_off()
    yield Figure.at_most(
        f"{SOME:,} assignments undone", time.perf_counter() - began, "s", ASSIGN_SECONDS
    )


def _many(lead: User, count: int, door: Connection) -> Iterator[Figure]:
    """The queue while a large one is worked off."""
    operation = _previewed(lead, count)
    with _people_at_work(door) as waits:
        took = _timed(operation, lead)
    operation.refresh_from_db()
    assert operation.completed == operation.total, operation.state
    yield Figure.at_most(
        f"queue while {operation.total:,} cases are assigned, p95",
        quantile(waits, 0.95) * 1e3, "ms", PAGE_MS,
        note=f"p50 {quantile(waits, 0.5) * 1e3:.0f} of {len(waits)} pages; all in {took:.0f} s",
    )  # fmt: skip
    bulk.undo(operation.pk, lead)
    _work_off()


def _previewed(lead: User, count: int) -> BulkOperation:
    """So many open cases of anybody's, frozen."""
    who = reader(lead, now())
    is_open = Case.objects.filter(facility__in=who.facilities, status=Status.OPEN)
    ids = list(is_open.values_list("pk", flat=True)[:count])
    return bulk.preview(who, Verb.ASSIGN, Selection(ids=ids))


def _timed(operation: BulkOperation, lead: User) -> float:
    """Seconds until everything of it is done."""
    began = time.perf_counter()
    bulk.aim(operation.pk, {"to": lead.pk}, lead)
    operation.refresh_from_db()
    said = Confirmed(operation.preview_hash, str(operation.total))
    bulk.run(operation.pk, said, lead)
    _work_off()
    return time.perf_counter() - began


def _work_off() -> None:
    while advance_bulk(seconds=60):
        pass


@contextmanager
def _people_at_work(door: Connection) -> Iterator[list[float]]:
    """Somebody who looks at the queue again and again, meanwhile."""
    waits: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(BETWEEN_PAGES):
            began = time.perf_counter()
            assert door.get("/exceptions/?view=all").status == OK
            waits.append(time.perf_counter() - began)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield waits
    finally:
        over.set()
        looking.join()


def _forget() -> None:
    """What the acts left behind."""
    done = BulkOperation.objects.values("pk")
    CaseEvent.objects.filter(op_id__in=done).delete()
    CaseEvent.objects.filter(kind="undone").delete()
    BulkOperation.objects.all().delete()
