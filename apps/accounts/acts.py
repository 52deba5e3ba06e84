"""What the audit trail knows: every act by its code, and how a page says it."""

from dataclasses import dataclass

from django.db.models import TextChoices


class Act(TextChoices):
    """An act. The part before the dot is its group; the sentence follows the name of who did it."""

    ROLE_GRANTED = "role.granted", "gave a role"
    ROLE_REVOKED = "role.revoked", "took a role back"
    ROLE_REQUESTED = "role.requested", "asked for a role that takes a second person"
    ROLE_CONFIRMED = "role.confirmed", "confirmed a role as the second person"
    ROLE_REFUSED = "role.refused", "refused a role as the second person"
    ROLE_WITHDRAWN = "role.withdrawn", "withdrew the request of a role"
    ROLE_EXPIRED = "role.expired", "let the request of a role expire"
    ROLE_LAPSED = "role.lapsed", "ended the request of a role: who asked may not ask any more"
    ROLE_BLOCKED = "role.blocked", "was stopped from combining roles that do not go together"

    FACILITY_GRANTED = "facility.granted", "gave access to a facility"
    FACILITY_REVOKED = "facility.revoked", "took access to a facility back"

    PERSON_CREATED = "person.created", "made an account"
    PERSON_INVITED = "person.invited", "made a link to set a password"
    PERSON_CHANGED = "person.changed", "changed an account"
    PERSON_DEACTIVATED = "person.deactivated", "closed an account"
    PERSON_REACTIVATED = "person.reactivated", "opened an account again"
    PERSON_REVIEWED = "person.reviewed", "reviewed somebody's access"

    TOKEN_ISSUED = "token.issued", "issued a token to read"
    TOKEN_REVOKED = "token.revoked", "revoked tokens"

    KEYS_ISSUED = "keys.issued", "issued a key of a source"
    KEYS_ROTATED = "keys.rotated", "rotated a key of a source"
    KEYS_REVOKED = "keys.revoked", "revoked a key of a source"
    SOURCE_CHANGED = "source.changed", "changed a source"

    CATALOGUE_CHANGED = "catalogue.changed", "changed the catalogue"
    ADMIN_ADDED = "administration.added", "added a row in the administration"
    ADMIN_CHANGED = "administration.changed", "changed a row in the administration"
    ADMIN_DELETED = "administration.deleted", "deleted a row in the administration"

    QUARANTINE_RESUBMITTED = "quarantine.resubmitted", "corrected a refused event and sent it on"
    QUARANTINE_DISCARDED = "quarantine.discarded", "gave a refused event up"
    QUARANTINE_REOPENED = "quarantine.reopened", "took back that a refused event was given up"
    QUARANTINE_BULK = "quarantine.bulk", "acted on many refused events"
    QUARANTINE_BULK_UNDONE = "quarantine.bulk_undone", "undid an act on many refused events"
    BATCH_RETRIED = "batch.retried", "had a batch folded again"
    CHANGE_PROPOSED = "change.proposed", "proposed a change of the catalogue"
    CHANGE_APPROVED = "change.approved", "approved a change as the second person"
    CHANGE_REFUSED = "change.refused", "refused a change as the second person"
    CHANGE_WITHDRAWN = "change.withdrawn", "withdrew a proposed change"
    CHANGE_LAPSED = "change.lapsed", "ended a proposed change: its author may not propose any more"

    VIEW_SHARED = "view.shared", "shared a view of the exceptions, or changed one that is shared"

    EXPORT_DOWNLOADED = "export.downloaded", "downloaded a table"
    SEARCH_BY_IDENTIFIER = "search.by_identifier", "searched by an identifier"

    ACCESS_REFUSED = "access.refused", "was refused a page"
    ACCESS_NOT_FOUND = "access.not_found", "asked for what is not there, or not theirs"

    SIGNED_IN = "session.opened", "signed in"
    SIGNED_OUT = "session.closed", "signed out"
    SESSION_ENDED = "session.ended", "ended a session"
    SIGN_IN_FAILED = "session.failed", "failed to sign in"
    SIGN_IN_LOCKED = "session.locked", "was locked out after too many attempts"
    CONFIRMED = "session.confirmed", "proved again who they are"

    PASSWORD_CHANGED = "credentials.password_changed", "changed a password"
    PASSWORD_RESET = "credentials.password_reset", "set a password by a link"
    LINK_REFUSED = "credentials.link_refused", "tried a link to a password of somebody else"
    FACTOR_ADDED = "credentials.factor_added", "added a second factor"
    FACTOR_REMOVED = "credentials.factor_removed", "removed a second factor"
    FACTOR_RESET = "credentials.factor_reset", "took away somebody's second factors"
    RECOVERY_CODES_MADE = "credentials.recovery_codes_made", "made recovery codes"
    SSO_LINKED = "credentials.sso_linked", "linked a single sign-on"

    BULK_BEGUN = "bulk.begun", "changed many cases at once"
    BULK_SUSPENDED = "bulk.suspended", "held a change of many cases"
    BULK_RESUMED = "bulk.resumed", "let a change of many cases go on"
    BULK_CANCELLED = "bulk.cancelled", "cancelled the rest of a change of many cases"
    BULK_UNDONE = "bulk.undone", "undid a change of many cases"

    AUDIT_VERIFIED = "audit.verified", "verified the audit trail"


@dataclass(frozen=True, slots=True)
class Group:
    """Acts that are read together. Administrators read those about configuration."""

    code: str
    name: str
    is_configuration: bool = False

    @property
    def acts(self) -> list[str]:
        return [act.value for act in Act if group_of(act) == self.code]


GROUPS = {
    group.code: group
    for group in (
        Group("role", "Roles", True),
        Group("facility", "Facility access", True),
        Group("person", "People", True),
        Group("token", "Tokens", True),
        Group("keys", "Keys of sources", True),
        Group("source", "Sources", True),
        Group("catalogue", "Catalogue", True),
        Group("change", "Changes by two", True),
        Group("administration", "Administration", True),
        Group("quarantine", "Quarantine"),
        Group("batch", "Batches"),
        Group("export", "Exports"),
        Group("search", "Searches"),
        Group("view", "Shared views"),
        Group("bulk", "Many cases at once"),
        Group("access", "Refusals"),
        Group("session", "Sign-in"),
        Group("credentials", "Passwords and factors"),
        Group("audit", "Audit trail"),
    )
}


def group_of(act: str) -> str:
    """The code of an act's group."""
    return act.partition(".")[0]
