"""Commands in templates."""

from django import template

from apps.core import commands

register = template.Library()


@register.simple_tag
def manage(words: str) -> str:
    """A command of manage.py as it must be typed for this instance."""
    return commands.manage(words)
