"""System checks: every view says who may open it, by permissions that some role has."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.access import NEEDS, is_declared
from apps.accounts.roles import every_permission


@register(Tags.urls)
def views_say_who_may_open_them(app_configs: object, **options: object) -> list[CheckMessage]:
    """Names each view that the middleware would refuse, or that nobody could ever open."""
    return [fault for pattern in patterns(get_resolver()) for fault in faults(pattern)]


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    """Every pattern of the URL conf, however deeply it is included."""
    for inner in resolver.url_patterns:
        if isinstance(inner, URLResolver):
            yield from patterns(inner)
        else:
            yield inner


def faults(pattern: URLPattern) -> Sequence[CheckMessage]:
    """What is wrong with the declaration of one view."""
    view: Callable[..., Any] = pattern.callback
    where = pattern.lookup_str
    if not is_declared(view):
        hint = "Decorate it with accounts.access.needs, or with login_not_required."
        return [Error(f"{where} does not say who may open it.", hint, id="accounts.E001")]
    unknown = sorted(set(getattr(view, NEEDS, ())) - set(every_permission()))
    return [Error(f"{where} needs {name}, which no role has.", id="accounts.E002")
            for name in unknown]  # fmt: skip
