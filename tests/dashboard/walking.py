"""Pages as a reader reads them: each figure, its explanation and lists, against a count by hand."""

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.template import Context
from django.test import Client, RequestFactory
from django.test.signals import template_rendered
from django.urls import resolve
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import User
from apps.catalog.models import SlaTarget
from apps.dashboard import figures, wording
from apps.scorecards.histogram import bucket_of
from apps.scorecards.metrics import METRICS, Kind
from apps.scorecards.windows import named_window
from apps.telemetry.models import Event, Transaction
from tests.dashboard import brute
from tests.dashboard.cast import NORTH, SOUTH, ago, done, stuck

# As a drawer asks: without the frame around it.
DRAWER = {"HX-Request": "true"}
# What was agreed, and a forecast: no figure of what happened. A list of transactions names them.
NO_FIGURES = {"Target", "Budget gone", "Objective", "Standing"}
LISTS = {"Transaction"}


class Figures(HTMLParser):
    """Every figure of a page: its metric, where it is explained, how it is written. And `bare`:
    numbers of tiles, facts and tables that lead nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []
        self.bare: list[str] = []
        self._open: list[str] = []
        self._heads: list[str] = []
        self._column = -1
        self._inside = self._links = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "a":
            self._links = True
            if "data-metric" in said:
                self.found.append([said["data-metric"] or "", said["href"] or "", ""])
                self._inside = True
        elif tag in ("table", "dl"):
            self._heads, self._open = [], [tag]
        elif tag == "tr":
            self._column = -1
        elif tag in ("td", "th", "dd", "dt"):
            self._column += tag in ("td", "th")
            self._open = [tag, said.get("class") or ""]
        elif tag == "small":  # what a figure is of, which its explanation says
            self._open = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._inside = self._links = False
        elif tag in ("td", "th", "dd", "dt", "tr"):
            self._open = []

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1][2] += data
        kind, css = (*self._open, "", "")[:2]
        if kind in ("th", "dt") and data.strip():
            self._heads.append(data.strip())
        if self._links or not any(sign.isdigit() for sign in data):
            return
        if (kind == "td" and "num" in css.split()) or (kind == "dd" and css != "foot"):
            at = -1 if kind == "dd" else self._column
            head = self._heads[at] if at < len(self._heads) else ""
            if head not in NO_FIGURES and not LISTS & set(self._heads):
                self.bare.append(f"{head}: {data.strip()}")


def parsed(html: str) -> Figures:
    parser = Figures()
    parser.feed(html)
    return parser


def page_of(client: Client, path: str) -> Figures:
    response = client.get(path, headers=DRAWER)
    assert response.status_code == 200, path
    return parsed(response.content.decode())


def rich(seed: int) -> Iterator[dict]:
    """Work in time, late, stuck, given up, cancelled and reopened, with money and without."""
    chance = random.Random(seed)
    for n in range(48):
        said = {
            "facility": chance.choice((NORTH, SOUTH)), "workflow": chance.choice((0, 1)),
            "amount": chance.choice((None, 0, 12_345, 99)),
        }  # fmt: skip
        hours = chance.choice((0.3, 2, 5, 20, 40, 90, 200, 400))
        subject = f"s-{seed}-{n}"
        match chance.randrange(6):
            case 0:
                yield from stuck(subject, hours_ago=hours, **said)
            case 1:
                yield from done(
                    subject, hours_ago=hours, minutes=chance.choice((5, 90, 400)), **said
                )
            case 2:
                yield {"subject": subject, "at": ago(hours=hours), **said}
            case 3:
                start = ago(hours=hours)
                yield {"subject": subject, "at": start, **said}
                yield {"subject": subject, "at": start + timedelta(minutes=9), "rank": 2,
                       "outcome": chance.choice(("cancelled", "dead_letter")), **said}  # fmt: skip
            case 4:
                yield from done(subject, hours_ago=hours, minutes=chance.choice((5, 90)), **said)
                yield {"subject": subject, "at": ago(hours=hours / 2), "rank": 6, **said}
            case _:
                start = ago(hours=hours)
                for rank in (1, 2, 3):
                    yield {"subject": subject, "at": start + rank * timedelta(minutes=20),
                           "rank": rank, **said}  # fmt: skip


class Reader:
    """Opens addresses as somebody who signed in, without the way through the middleware: hundreds
    of explanations are read, and who may read them is proven elsewhere."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get(self, path: str, key: str) -> tuple[Any, str]:
        """What a drawer is told under that name, and its markup."""
        request = RequestFactory().get(path, headers=DRAWER)
        request.user, request.htmx, request.session = self.user, HtmxDetails(request), {}
        view, args, kwargs = resolve(urlsplit(path).path)
        told: list[Any] = []

        def note(context: Context, **_: Any) -> None:
            told.extend([context[key]] if key in context else [])

        with contextlib.closing(_Listening(note)):
            response = view(request, *args, **kwargs)
        assert response.status_code == 200, path
        return told[0], response.content.decode()


class _Listening:
    """To the templates that are rendered."""

    def __init__(self, note: Callable[..., None]) -> None:
        self.note = note
        template_rendered.connect(note)

    def close(self) -> None:
        template_rendered.disconnect(self.note)


class World:
    """All there is, and what was read of it so far, at a moment that stands still."""

    def __init__(self, client: Client, user: User, seen: list[int]) -> None:
        self.client, self.reader, self.now = client, Reader(user), timezone.now()
        self.rows = list(
            Transaction.objects.filter(facility_id__in=seen).select_related("workflow", "facility")
        )
        self.messages = list(
            Event.objects.filter(facility_id__in=seen).select_related("workflow", "facility")
        )
        self._lists: dict[tuple[int, str], tuple[list, str]] = {}
        self.walked: set[tuple[str, str]] = set()

    @cached_property
    def targets(self) -> list[SlaTarget]:
        return list(SlaTarget.objects.select_related("clock"))

    def objective(self, one: Transaction, clock: str, at: datetime) -> Decimal:
        """What was in force at a moment: the nearest facility's, or the network's."""
        held = [
            target for target in self.targets
            if target.clock.workflow_id == one.workflow_id and target.clock.kind == clock
            and target.facility_id in (one.facility_id, None) and target.effective_from <= at
            and (target.effective_to is None or at < target.effective_to)
        ]  # fmt: skip
        return max(held, key=lambda target: target.facility_id or 0).objective

    def counted(self, address: str) -> brute.Brute:
        """The count of what an address asks about."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

        def asked(of: Transaction | Event) -> bool:
            return query.get("workflow") in (None, of.workflow.code) and query.get("facility") in (
                None, of.facility.code
            )  # fmt: skip

        if "from" in query:
            start, end = (datetime.fromisoformat(query[edge]) for edge in ("from", "to"))
        else:
            window = named_window(query.get("window", "24h"), end=None, now=self.now)
            start, end = window.start, window.end
        return brute.Brute(
            [one for one in self.rows if asked(one)],
            [one for one in self.messages if asked(one)],
            start, end, self.now, self.objective,
        )  # fmt: skip

    def listed(self, part, path: str) -> tuple[list, str]:
        """The ids of a list to its end, and what it says they are worth."""
        key = (id(part), urlsplit(path).query)
        if key not in self._lists:
            ids, amount = [], None
            while path:
                page, _ = self.reader.get(path, "page")
                ids += [item.id if part.is_of_messages else item.row.id for item in page.items]
                path, amount = page.next, amount or page.amount
            self._lists[key] = ids, amount or ""
        return self._lists[key]

    def check(self, metric: str, address: str, text: str | None = None) -> None:
        """One figure: as shown, as explained, as listed, as counted."""
        of, expected = METRICS[metric], self.counted(address)
        told, html = self.reader.get(address, "explanation")
        is_long = of.is_of_messages and expected.end - expected.start > timedelta(days=1, minutes=1)
        assert told.check.css == ("mute" if is_long else "ok"), (address, told.check.text)
        assert text is None or is_said(text, told.shown), address
        if of.kind is Kind.QUANTILE:
            check_percentile(told, expected, of)
        else:
            assert told.shown == figures.shown(metric, expected.value(of)), address
        for part, opens in zip(of.parts, told.opens, strict=True):
            self.check_list(part, opens.address, expected.part(metric, part.code))
        if told.named:
            self.walk_figures(parsed(html))

    def check_list(self, part, address: str, rows: list) -> None:
        found, amount = self.listed(part, address)
        assert len(found) == len(set(found)), "each is listed once"
        assert set(found) == {one.pk for one in rows}, address
        if part.amount:
            assert amount == wording.money(brute.dollars(rows)), address

    def walk(self, paths: list[str]) -> int:
        for path in paths:
            page = page_of(self.client, path)
            assert not page.bare, "every number leads to how it is computed"
            self.walk_figures(page)
        return len(self.walked)

    def walk_figures(self, page: Figures) -> None:
        for metric, address, text in page.found:
            if (address, text) not in self.walked:
                self.walked.add((address, text))
                self.check(metric, address, text)


def is_said(text: str, shown: str) -> bool:
    """Whether a page says what the explanation does; a tile has the unit beside its figure."""
    return text.replace("no data", wording.NOTHING) in (shown, shown.partition(wording.NARROW)[0])


def check_percentile(told, expected: brute.Brute, of) -> None:
    """A percentile lies in the bucket of the exact one: that of the nearest rank of all listed."""
    assert f"of {len(expected.latencies(of)):,} latencies" in told.formula
    exact = expected.percentile(of)
    if exact is None:
        assert told.shown == wording.NOTHING
        return
    low, high = bucket_of(told.value)
    assert low <= exact < high
    assert max(exact, 1) / 1.1854 < told.value < max(exact, 1) * 1.1854
    assert f"Exactly {wording.latency(exact)}." in told.check.text
    said = next(fact.text for fact in told.facts if fact.label == "How exact")
    assert f"between {wording.latency(low)} and {wording.latency(high)};" in said
