"""Icons of the vendored sprite: decoration, the word beside one carries the meaning."""

from functools import cache

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.markup import markup
from apps.dashboard.looks import Look


@cache
def icon(name: str, size: str = "") -> SafeString:
    """Markup of one icon."""
    return format_html(
        '<svg class="ic {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        size,
        static("vendor/icons/icons.svg"),
        name,
    )


def status(look: Look, word: str = "", *, pill: bool = False) -> SafeString:
    """Icon and word of a status; `word` says more than it does."""
    css = f"pill {look.css}" if pill else look.css
    return markup('<span class="st {}">{}{}</span>', css, icon(look.icon), word or look.word)
