"""Who may be given the cases of a selection."""

from collections.abc import Sequence

from apps.accounts.access import who_see
from apps.accounts.models import User
from apps.triage.realms import WORKS


def able_to_work(facilities: Sequence[int]) -> list[User]:
    """Whoever works any kind of case at any of these places; of which of them is said per case."""
    works = User.objects.filter(is_active=True, groups__permissions__codename__in=WORKS)
    people = list(works.distinct().order_by("first_name", "last_name", "username"))
    ids = [one.pk for one in people]
    see = set[int]().union(*(who_see(place, among=ids) for place in facilities))
    return [one for one in people if one.pk in see]
