"""What some texts of an address point at: a cause, a storm, what a search by number led to."""

from uuid import UUID

from apps.telemetry.search import MOST_HITS, find
from apps.telemetry.services import searches
from apps.triage.models import Group, Storm
from apps.triage.queries import storm_of
from apps.triage.reader import Reader, storm_name


def uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def cause_name(_: Reader, text: str) -> str:
    """By its code, which is what makes it this one."""
    id = uuid(text)
    found = Group.objects.filter(pk=id).first() if id else None
    return str(found) if found else "one cause" if id else text


def storm(reader: Reader, text: str) -> Storm | None:
    """A storm of which some case is the reader's."""
    id = uuid(text)
    return storm_of(reader.realm, facilities=reader.facilities, id=id) if id else None


def storm_says(reader: Reader, text: str) -> str:
    found = storm(reader, text)
    if found is None:
        return "one storm"
    return storm_name(reader, found.kind_id, found.system_id, found.error_class)


def found(reader: Reader, token: str) -> list[UUID] | None:
    """The transactions that a search led to; the number itself stays behind the token."""
    text = searches.text_of(reader.user, token)
    if text is None:
        return None
    lines = [line.id for line in reader.catalogue.document.workflows]
    hits = find(text, facilities=reader.facilities, workflows=lines).hits[:MOST_HITS]
    return [one.transaction.pk for one in hits]
