"""Words of the pages about people."""

from collections.abc import Iterable, Mapping, Sequence

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.accounts.roles import ROLES
from apps.catalog.snapshot import Facility

register = template.Library()
SELECTED = mark_safe(" selected")


@register.simple_tag
def options(choices: Iterable[tuple[object, str]], chosen: object) -> SafeString:
    """What a list offers, by value and name: people may be hundreds."""
    return format_html_join(
        "\n",
        '<option value="{}"{}>{}</option>',
        ((value, SELECTED if value == chosen else "", name) for value, name in choices),
    )


@register.filter
def role_list(codes: Sequence[str]) -> str:
    """Roles by name, in the order of the matrix; other groups as they are called."""
    known = [role.name for code, role in ROLES.items() if code in codes]
    return ", ".join([*known, *(code for code in codes if code not in ROLES)])


@register.filter
def places_of(ids: Sequence[int], places: Mapping[int, Facility]) -> list[Facility]:
    return [places[one] for one in ids if one in places]


@register.filter
def place_name(id: int, places: Mapping[int, Facility]) -> str:
    return places[id].name if id in places else ""


@register.filter
def entry(name: str, known: Mapping[str, str]) -> str:
    """What stands under a name, or nothing."""
    return known.get(name, "")
