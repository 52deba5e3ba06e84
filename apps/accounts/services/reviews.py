"""The review of access: somebody looks at what each person may do, and signs."""

from django.db import transaction
from django.utils.timezone import now

from apps.accounts.acts import Act
from apps.accounts.models import AccessReview, User
from apps.accounts.services import audit
from apps.accounts.services.access import NotAllowed, access_of
from apps.catalog.models import Facility


@transaction.atomic
def sign_review(person: User, verdict: AccessReview.Verdict, *, by: User) -> AccessReview:
    """Sign that somebody's access is right as it stands, or that it must go."""
    if person.pk == by.pk:
        raise NotAllowed("Nobody reviews their own access.")
    held = access_of(person)
    codes = Facility.objects.filter(pk__in=held.facilities).values_list("code", flat=True)
    review = AccessReview.objects.create(
        person=person, reviewer=by, at=now(), verdict=verdict,
        roles=sorted(held.roles), facilities=sorted(codes),
    )  # fmt: skip
    facts = {"verdict": verdict.value, "roles": review.roles}
    audit.record(by, Act.PERSON_REVIEWED, on=f"user:{person.pk}", facts=facts)
    return review
