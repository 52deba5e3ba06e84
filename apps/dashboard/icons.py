"""Icons of the vendored sprite: decoration, the word beside one carries the meaning."""

from functools import cache

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString


@cache
def icon(name: str, size: str = "") -> SafeString:
    """Markup of one icon."""
    return format_html(
        '<svg class="ic {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        size,
        static("vendor/icons/icons.svg"),
        name,
    )
