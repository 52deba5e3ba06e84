"""Where care and billing happen: a tree of facilities and the names other systems give them."""

from django.db import models
from django.db.models import Q

from apps.catalog.validators import validate_place_code, validate_time_zone


class Facility(models.Model):
    """A node of the tree organisation > region > facility > department."""

    class Kind(models.TextChoices):
        ORGANIZATION = "organization", "Organization"
        REGION = "region", "Region"
        HOSPITAL = "hospital", "Hospital"
        CLINIC = "clinic", "Clinic"
        ASC = "asc", "Ambulatory surgery center"
        LAB = "lab", "Laboratory"
        BUSINESS_OFFICE = "business_office", "Business office"
        DEPARTMENT = "department", "Department"

    code = models.CharField(
        max_length=40,
        unique=True,
        validators=[validate_place_code],
        help_text="The name events use. Keep it for good: scorecards and keys refer to it.",
    )
    name = models.CharField(max_length=120)
    short_name = models.CharField(max_length=30, help_text="For narrow columns and charts.")
    kind = models.CharField(max_length=20, choices=Kind)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        help_text="Grants and target overrides on the parent also hold here.",
    )
    # "/1/4/": every ancestor's id and the own one. Kept by the trigger facility_path; what is
    # written here by hand is ignored.
    path = models.TextField(editable=False, default="")
    time_zone = models.CharField(
        max_length=40,
        validators=[validate_time_zone],
        help_text="IANA name, for example America/Denver. Days and business hours are local.",
    )
    calendar = models.ForeignKey(
        "catalog.BusinessCalendar",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="facilities",
        help_text="Business hours. Empty: those of the nearest ancestor that has some.",
    )
    active = models.BooleanField(
        default=True, help_text="Inactive places stay on old scorecards but accept no new events."
    )

    class Meta:
        verbose_name_plural = "facilities"
        ordering = ["path"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="organization", parent__isnull=True)
                | (~Q(kind="organization") & Q(parent__isnull=False)),
                name="facility_root_is_organization",
                violation_error_message="Only an organization stands at the top of the tree.",
            ),
            # So that every facility inherits a calendar from somewhere.
            models.CheckConstraint(
                condition=Q(parent__isnull=False) | Q(calendar__isnull=False),
                name="facility_root_has_calendar",
                violation_error_message="An organization needs a business calendar.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} · {self.name}"

    @property
    def depth(self) -> int:
        """0 for an organization, 1 for its regions, and so on."""
        return max(self.path.count("/") - 2, 0)

    @property
    def ancestor_ids(self) -> tuple[int, ...]:
        """From the root down, without this facility."""
        return tuple(int(part) for part in self.path.strip("/").split("/")[:-1])


class FacilityAlias(models.Model):
    """What one system (or everybody, when system is empty) calls a facility."""

    system = models.ForeignKey(
        "catalog.System",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="aliases",
        help_text="The system that uses this name. Empty: any sender may use it.",
    )
    alias = models.CharField(
        max_length=80, help_text="An EHR facility code, a billing entity, an ERP company …"
    )
    facility = models.ForeignKey(Facility, models.CASCADE, related_name="aliases")

    class Meta:
        verbose_name_plural = "facility aliases"
        ordering = ["facility", "system", "alias"]
        constraints = [
            # One name means one place: per system, and once among the names open to everybody.
            models.UniqueConstraint(
                fields=["system", "alias"],
                nulls_distinct=False,
                name="facilityalias_once",
                violation_error_message="This system already uses the name for another facility.",
            ),
            models.CheckConstraint(condition=~Q(alias=""), name="facilityalias_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.alias} → {self.facility.code}"
