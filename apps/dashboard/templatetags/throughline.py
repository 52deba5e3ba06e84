"""Tags of the frame around every page, and times as people at a facility read them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from apps.accounts.models import User
from apps.accounts.people import role_names
from apps.catalog.models import ChangeProposal, Playbook, SlaTarget
from apps.core.markup import markup
from apps.dashboard import figures, glyphs, icons, wording
from apps.dashboard.charts import Chart
from apps.dashboard.icons import icon
from apps.dashboard.looks import Look, Severity, look_of
from apps.dashboard.navigation import Link, navigation
from apps.dashboard.scope import scope_of, sites_of
from apps.dashboard.strip import strip_of

register = template.Library()
LINK = '<a href="{}"{}{}>{}<span>{}</span>{}</a>'
WAITING = '<span class="count">{}<span class="visually-hidden"> waiting</span></span>'
register.simple_tag(icon)
register.simple_tag(glyphs.spark)
register.simple_tag(glyphs.value_range, name="range")
register.simple_tag(glyphs.bar)
register.simple_tag(glyphs.stacked)


@register.simple_tag
def status(what: Look | str, word: str = "", *, pill: bool = False) -> SafeString:
    """Icon and word of a status, given by itself or by name; `word` says more than it does."""
    return icons.status(look_of(what), word, pill=pill)


@register.simple_tag
def severity(rank: int) -> SafeString:
    """Signal bars with S1 to S4, and the word for who does not see them."""
    found = Severity[f"S{rank}"]
    return markup(
        '<span class="prio p{}">{}{}<span class="visually-hidden"> {}</span></span>',
        found.rank, glyphs.severity_bars(found.rank), found.name, found.word,
    )  # fmt: skip


@register.simple_block_tag
def note(content: str, css: str = "info", glyph: str = "info-circle") -> str:
    """A tinted line with markup of its own. Text alone goes through _note.html."""
    return render_to_string("_note.html", {"text": content, "css": css, "glyph": glyph})


@register.simple_block_tag
def blank(content: str, glyph: str, heading: str, level: int = 2, *, panel: bool = True) -> str:
    """Nothing to show, and why; what it holds says what to do instead."""
    told = {"glyph": glyph, "heading": heading, "level": level, "panel": panel, "content": content}
    return render_to_string("_blank.html", told)


@register.inclusion_tag("_strip.html", takes_context=True)
def honesty_strip(context: dict[str, Any]) -> dict[str, Any]:
    """How far the figures reach."""
    request: HttpRequest = context["request"]
    strip = strip_of(scope_of(request), now=timezone.now())
    return {"strip": strip, "perms": context.get("perms"), "request": request}


@register.simple_tag(takes_context=True)
def main_navigation(context: dict[str, Any]) -> list[Link]:
    """The pages the reader may open."""
    return navigation(context["request"])


@register.simple_tag
def navigation_link(link: Link) -> SafeString:
    """One link of the navigation; "g" and its letter lead there too. Each page has twenty."""
    current = mark_safe(' aria-current="page"') if link.is_current else ""
    letter = markup(' data-go="{}"', link.letter) if link.letter else ""
    waiting = markup(WAITING, link.count) if link.count else ""
    return markup(LINK, link.address, current, letter, icon(link.icon), link.label, waiting)


@register.inclusion_tag("_scope.html", takes_context=True)
def facility_scope(context: dict[str, Any], *, swapped: bool = False) -> dict[str, Any]:
    """Which facilities the figures are about, and which others they could be about.

    A page that takes `?places=` says so by `places_address` in its context. `swapped` is for a part
    that replaces the control along with itself.
    """
    scope = scope_of(context["request"])
    return {
        "choices": [(choice, len(sites_of(choice))) for choice in scope.choices],
        "chosen": context.get("chosen"),
        "address": context.get("places_address"),
        "only": scope.sites[0] if len(scope.sites) == 1 else None,
        "swapped": swapped,
    }


@register.simple_tag
def number(text: str, metric: str, **where: str) -> SafeString:
    """A figure that opens its explanation: `{% number "98.1" "attainment" workflow="charge" %}`."""
    return figures.figure(text, metric, **where)


@register.simple_tag
def explained(address: str, what: str) -> SafeString:
    """A way to the explanation of what a panel says."""
    return markup(
        '<a class="iconbtn" data-dialog="drawer" href="{}" aria-label="How this is computed: {}"'
        ' title="How this is computed">{}</a>',
        address,
        what.lower(),
        icon("info-circle"),
    )


@register.inclusion_tag("dashboard/_chart.html")
def figure(chart: Chart) -> dict[str, Any]:
    """A chart with everything that stands in for it."""
    return {"chart": chart}


@register.filter
def initials(user: User) -> str:
    """Two letters for the avatar."""
    words = (user.get_full_name() or user.username).replace(".", " ").replace("-", " ").split()
    return "".join(word[0] for word in words[:2]).upper()


@register.filter
def who(user: User | None, nobody: str = "") -> str:
    """A person by name, or what to say where it was nobody."""
    return user.get_full_name() or user.username if user else nobody


@register.filter
def role(user: User) -> str:
    """What a person is here, in words."""
    return ", ".join(role_names(user)) or ("Superuser" if user.is_superuser else "No role yet")


@register.filter
def local(moment: datetime, zone: ZoneInfo) -> SafeString:
    """A moment in a facility's own time, where a page or a panel names the zone once."""
    return _time(moment, wording.clock_time(moment, zone, now=timezone.now()))


@register.simple_tag(name="moment", takes_context=True)
def reader_moment(
    context: dict[str, Any], moment: datetime, detail: str = "minute", css: str = ""
) -> SafeString:
    """A moment that is of no facility, in the reader's zone: `{% moment row.at %}`; with `"exact"`
    to the second, with `"day"` its day alone."""
    zone = scope_of(context["request"]).zone
    return _time(moment, wording.date_time(moment, zone, detail, now=timezone.now()), css)


def _time(moment: datetime, shown: str, css: str = "") -> SafeString:
    """Exact and in UTC for machines and for who points at it."""
    exact = moment.astimezone(UTC)
    return markup(
        '<time{} datetime="{}" title="{} UTC">{}</time>',
        markup(' class="{}"', css) if css else "",
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S}",
        shown,
    )


@register.filter
def zone_name(moment: datetime, zone: ZoneInfo) -> str:
    """The name of a zone at a moment: CST in winter, CDT in summer."""
    return moment.astimezone(zone).tzname() or str(zone)


@register.filter
def local_day(moment: datetime, zone: ZoneInfo) -> str:
    return wording.day(moment, zone)


@register.filter
def as_objective(share: float) -> str:
    return wording.objective(share)


@register.filter
def age(moment: datetime) -> str:
    """How long ago, in two units at most."""
    return wording.duration(max(timezone.now() - moment, timedelta()))


@register.filter
def length_of_time(length: timedelta) -> str:
    return wording.duration(length)


@register.filter
def rate(a_minute: float) -> str:
    """Events a minute: whole ones where there are many."""
    return (
        wording.count(round(a_minute)) if a_minute >= 10 else f"{a_minute:.1f}".removesuffix(".0")
    )


@register.filter
def as_percent(share: float) -> str:
    """A share of something unwanted: what is there is never 0.0."""
    return "< 0.1" if 0 < share < 0.001 else wording.percent(share)


@register.filter
def dollars(minor: int | None) -> str:
    """For a table: `$1.24M`; a dash where none is known."""
    return wording.NOTHING if minor is None else wording.brief_money(minor)


@register.filter
def tree_depth(path: str) -> int:
    """0 for the top of the tree."""
    return max(path.count("/") - 2, 0)


@register.filter
def minus(number: int, other: int) -> int:
    return number - other


@register.simple_tag(name="share")
def share_of(part: int, whole: int) -> int:
    """How many per cent, for the width of a bar."""
    return round(100 * part / whole) if whole else 100


@register.simple_tag
def lookup(names: dict[str, str], code: str) -> str:
    """A code in words."""
    return names.get(code, code)


@register.filter
def promise(target: SlaTarget | ChangeProposal) -> str:
    """What is promised: `99 % within 4 h of open hours`."""
    if target.clock is None or target.objective is None or target.threshold_seconds is None:
        return ""
    share = wording.objective(float(target.objective))
    return f"{share} % {wording.threshold(target.clock.measure, target.threshold_seconds)}"


@register.filter
def limit(book: Playbook) -> str:
    """How fast it is to be resolved: `4 h of open hours`."""
    return wording.threshold(book.due_measure, book.due_seconds).removeprefix("within ")


@register.filter
def share_or_nothing(share: float | None) -> str:
    """An attainment; without anything due there is none."""
    return wording.NOTHING if share is None else f"{wording.percent(share)} %"
