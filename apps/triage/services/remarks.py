"""What people add to a case without changing where it stands."""

import re
from collections.abc import Collection
from functools import partial
from typing import Unpack
from uuid import UUID

from apps.accounts.access import who_see
from apps.accounts.models import User
from apps.triage.models import Case, CaseEvent, Mention, Ticket
from apps.triage.services.acting import Act, Ask, Kind, Refused, full_name, perform

LONGEST_NOTE = 2000
# A link leads to a page and nowhere else: no other scheme, no user name, nothing to be interpreted.
LINK = re.compile(
    r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{2,5})?(/[A-Za-z0-9._~/?#&=+,-]*)?"
)
LONGEST_LINK, LONGEST_LABEL = 300, 60


def note(case_id: UUID, *, text: str, mentions: Collection[User] = (), **ask: Unpack[Ask]) -> Case:
    """Tell whoever reads it next. Somebody who is named must be able to read it."""
    return perform(case_id, Kind.NOTED, partial(noting, text=text, mentions=mentions), **ask)


def noting(act: Act, *, text: str, mentions: Collection[User]) -> None:
    act.reason = text.strip()
    if not act.reason:
        raise Refused("Write something first.")
    if len(act.reason) > LONGEST_NOTE:
        raise Refused(f"A note has {LONGEST_NOTE:,} characters at most.")
    people = {person.pk: person for person in mentions}
    blind = people.keys() - who_see(act.case.facility_id, among=list(people))
    if blind:
        names = ", ".join(sorted(full_name(people[one]) for one in blind))
        raise Refused(f"{names} may not see this case.")

    def mention(event: CaseEvent) -> None:
        Mention.objects.bulk_create(Mention(event=event, person=one) for one in people.values())

    act.leaves = mention


def link(case_id: UUID, *, url: str, label: str, **ask: Unpack[Ask]) -> Case:
    """Name the ticket of another system where the same trouble is worked."""
    return perform(case_id, Kind.LINKED, partial(_link, url=url.strip(), label=label), **ask)


def _link(act: Act, *, url: str, label: str) -> None:
    if len(url) > LONGEST_LINK or not LINK.fullmatch(url):
        raise Refused("Give a plain https address of at most 300 characters.")
    label = label.strip() or url.removeprefix("https://").partition("/")[0]
    if len(label) > LONGEST_LABEL:
        raise Refused(f"A label has {LONGEST_LABEL} characters at most.")
    _, is_new = Ticket.objects.get_or_create(case=act.case, url=url, defaults={"label": label})
    if not is_new:
        raise Refused("This ticket is linked already.")
    act.reason = label
    act.facts["url"] = url
