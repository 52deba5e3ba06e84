"""The board of the flow page: tiles and heat table of the places and the window a reader chose."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from apps.catalog.snapshot import Facility, Workflow
from apps.core.htmx import etag_of
from apps.core.kept import Kept
from apps.dashboard import figures, wording
from apps.dashboard.board import DEFAULT_WINDOW, WINDOWS, Selection, is_stale
from apps.dashboard.flow.budgets import burns_of
from apps.dashboard.flow.compare import past
from apps.dashboard.flow.tiles import Now, flow_tiles
from apps.dashboard.heat import (
    EXPLAINED,
    LEGEND,
    Address,
    Board,
    Explained,
    Heat,
    Tone,
    heat,
    judge,
)
from apps.dashboard.scope import Scope, columns
from apps.dashboard.tiles import Tile
from apps.scorecards import queries
from apps.scorecards.objectives import objectives_at
from apps.scorecards.queries import Glance, Scorecards, State
from apps.scorecards.windows import HOUR, MINUTE, floor, named_window

# How often a page that is left open asks whether something changed.
SECONDS_BETWEEN = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """The board as written out, with what names it to those who ask again."""

    picture: "Picture"
    html: SafeString
    etag: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the board shows."""

    tiles: list[Tile]
    heat: Heat
    is_stale: bool
    summary: str


# Boards as they were last shown, a hundred kilobytes each.
_boards: Kept[Shown] = Kept(24)
# What boards and charts are made of, up to a megabyte each.
_glances: Kept[Scorecards] = Kept(4)


def shown(request: HttpRequest, scope: Scope, chosen: Selection, *, now: datetime) -> Shown:
    """The board of this minute; computed only when something it depends on has changed."""
    state = queries.state()
    stale = is_stale(state, now)
    name = (
        (state.name, stale, floor(now, MINUTE), scope.catalogue.version, scope.ids),
        (chosen.window, chosen.places.value, request.scheme, request.get_host()),
    )

    def make() -> Shown:
        made = picture(scope, chosen, state, now=now)
        html = render_to_string("dashboard/_board.html", _told(made, chosen), request)
        return Shown(made, html, etag_of(html.encode()))

    return _boards.answer(name, make)


def _told(made: Picture, chosen: Selection) -> dict[str, object]:
    """What the template needs."""
    return {
        "picture": made,
        "chosen": chosen,
        "legend": LEGEND,
        "window_name": WINDOWS[chosen.window][1],
        "seconds": SECONDS_BETWEEN,
    }


def glance(scope: Scope, chosen: Selection, state: State, *, now: datetime) -> Scorecards:
    """The cells of a choice; read once for the board and the charts of a state."""
    window = named_window(chosen.window, end=None, now=now)
    zones = {place.id: place.time_zone for place in chosen.places.facilities}
    lines = [line.id for line in scope.catalogue.document.workflows]
    name = (state.name, window, scope.catalogue.version, scope.ids, chosen.places.value)
    return _glances.answer(
        name, lambda: queries.glance(zones=zones, workflow_ids=lines, window=window)
    )


def picture(scope: Scope, chosen: Selection, state: State, *, now: datetime) -> Picture:
    """The board as of now."""
    board = _board(scope, chosen, state, now)
    table = heat(board, lambda place: scope.region(place).short_name)
    window = named_window(chosen.window, end=None, now=now)
    burns = burns_of(scope, chosen, now=now)
    cards = board.cards
    told = Now(
        cards.total, window, burns, len(board.silent), len(cards.cells), explained_for(chosen, now)
    )
    shown = flow_tiles(told, past(scope, chosen, now=now))
    return Picture(shown, table, is_stale(state, now), _summary(table))


def explained_for(chosen: Selection, now: datetime) -> Callable[[str, str], str]:
    """Addresses where the metrics of this choice are explained, each with what is shown of it."""

    def address(code: str, text: str) -> str:
        return figures.address(code, **chosen.counted(code, now), seen=figures.seen(text))

    return address


def explained_of(chosen: Selection, now: datetime) -> Explained:
    """The same of one workflow, ready to be put between quotes."""
    counted = {code: chosen.counted(code, now) for code in EXPLAINED}

    def address(code: str, line: Workflow, text: str) -> str:
        where = counted[code]
        return escape(figures.address(code, workflow=line.code, **where, seen=figures.seen(text)))

    return address


def judged_cells(
    scope: Scope, chosen: Selection, *, now: datetime
) -> Iterator[tuple[Workflow, Facility, Glance, Tone]]:
    """The cells of the heat table by workflow and place, with how each stands."""
    board = _board(scope, chosen, queries.state(), now)
    for line in board.workflows:
        for site in board.sites:
            if cell := board.cards.cells.get((line.id, site.id)):
                yield line, site, cell, judge(board, (line.id, site.id))


def _board(scope: Scope, chosen: Selection, state: State, now: datetime) -> Board:
    """One statement for the figures and one for who is silent."""
    cards = glance(scope, chosen, state, now=now)
    used = {facility for _, facility in cards.cells}
    return Board(
        cards,
        objectives_at(now),
        _silent([place.id for place in chosen.places.facilities], now),
        scope.catalogue.document.workflows,
        columns(chosen.places.facilities, used),
        address_of(chosen),
        explained_of(chosen, now),
    )


def _silent(places: Sequence[int], now: datetime) -> dict[tuple[int, int], str]:
    """For how long, by cell."""
    found = queries.silent_cells(facility_ids=places, since=now - HOUR, now=now)
    return {(one.workflow_id, one.facility_id): _silence(one, now) for one in found}


def _silence(cell: queries.SilentCell, now: datetime) -> str:
    return wording.duration(now - cell.heard_at) if cell.heard_at else "over a day"


def address_of(chosen: Selection) -> Address:
    """Addresses of cells, put together from one: reversing hundreds of them would cost a page.

    Nothing in them needs escaping, since codes are plain words (`catalog.validators`).
    """
    pattern = reverse("dashboard:cell", args=["WORKFLOW", "FACILITY"])
    pattern += f"?window={chosen.window}" if chosen.window != DEFAULT_WINDOW else ""
    head, rest = pattern.split("WORKFLOW")
    middle, tail = rest.split("FACILITY")

    def address(line: Workflow, site: Facility) -> str:
        return f"{head}{line.code}{middle}{site.code}{tail}"

    return address


def _summary(table: Heat) -> str:
    if not table.rows:
        return ""
    cells = "cell needs" if table.troubled == 1 else "cells need"
    return f"{table.troubled} {cells} a look" if table.troubled else "Every cell is within target"
