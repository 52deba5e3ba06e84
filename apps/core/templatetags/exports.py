"""Links that download the table beside them."""

from typing import Any

from django import template
from django.urls import reverse

from apps.core.exports import Form

register = template.Library()


@register.inclusion_tag("_export.html", takes_context=True)
def export_links(
    context: dict[str, Any], name: str, *args: object, of: str, query: str | None = None
) -> dict[str, Any]:
    """CSV and XLSX of a table, as far as the reader may take tables. `name` and `args` are those of
    its address, whose last argument is the form; the page's own query goes along, so that the
    filters do."""
    request = context["request"]
    chosen = request.GET.urlencode() if query is None else query.removeprefix("?")
    addresses = [(form.upper(), _address(name, args, form, chosen)) for form in Form]
    may = request.user.has_perm("accounts.export_tables")
    return {"links": addresses if may else [], "of": of}


def _address(name: str, args: tuple[object, ...], form: Form, query: str) -> str:
    path = reverse(name, args=[*args, form])
    return f"{path}?{query}" if query else path
