"""Django's own `url` and `date`, for tables that have hundreds: the same answers in less time.

Built into the templates by the settings, so nobody loads or chooses them.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.template.base import FilterExpression, Parser, Token
from django.template.context import Context
from django.template.defaultfilters import date as any_date
from django.template.defaulttags import URLNode, url
from django.utils.html import conditional_escape

from apps.core.addresses import address

register = template.Library()

Written = Callable[[datetime], str]
# Letters of Django's formats by those of strftime; days without a zero in front have none.
LETTERS = {"Y": "%Y", "m": "%m", "d": "%d", "M": "%b", "H": "%H", "i": "%M", "s": "%S"}
DAY_OF_MONTH, MARKS = "j", " ,:-."


class AddressNode(template.Node):
    """`{% url %}` with arguments by position, and into the page."""

    def __init__(self, name: FilterExpression, args: list[FilterExpression]) -> None:
        self.name = name
        self.args = args

    def render(self, context: Context) -> str:
        name, args = self.name.resolve(context), [one.resolve(context) for one in self.args]
        return str(conditional_escape(address(name, *args)))


@register.tag(name="url")
def quick_url(parser: Parser, token: Token) -> AddressNode | URLNode:
    """Django's `{% url %}`; what it is seldom asked for, it answers itself."""
    node: Any = url(parser, token)
    return node if node.kwargs or node.asvar else AddressNode(node.view_name, node.args)


@register.filter(name="date", expects_localtime=True, is_safe=False)
def quick_date(value: Any, form: str | None = None) -> str:
    """Django's `|date`, for the formats that pages have."""
    write = _writer(form) if form and isinstance(value, datetime) else None
    return write(value) if write else any_date(value, form)


@cache
def _writer(form: str) -> Written | None:
    """How a format is written; None for what only Django knows."""
    if set(form) - LETTERS.keys() - {DAY_OF_MONTH, *MARKS}:
        return None
    parts = ["".join(LETTERS.get(one, one) for one in part) for part in form.split(DAY_OF_MONTH)]
    return lambda value: str(value.day).join(value.strftime(part) if part else "" for part in parts)
