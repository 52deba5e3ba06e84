"""Widgets of forms as they are written out."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe

SELECT = "django/forms/widgets/select.html"
Attributes = Mapping[str, Any]


class Renderer(DjangoTemplates):
    """Django's own, but for lists of choices: it asks two templates for each choice, which makes a
    filter of sixty facilities a third of the page that has it."""

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> str:
        if template_name == SELECT:
            return mark_safe("".join(_select(context["widget"])))  # noqa: S308  escaped below
        return super().render(template_name, context, request)


def _select(widget: Mapping[str, Any]) -> Iterator[str]:
    yield f'<select name="{conditional_escape(widget["name"])}"{_written(widget["attrs"])}>'
    for group, options, _ in widget["optgroups"]:
        yield f'\n  <optgroup label="{conditional_escape(group)}">' if group else ""
        for option in options:
            value, label = conditional_escape(option["value"]), conditional_escape(option["label"])
            yield f'\n  <option value="{value}"{_written(option["attrs"])}>{label}</option>'
        yield "\n  </optgroup>" if group else ""
    yield "\n</select>"


def _written(attributes: Attributes) -> str:
    return "".join(
        f" {name}" if value is True else f' {name}="{conditional_escape(value)}"'
        for name, value in attributes.items()
        if value is not False
    )
