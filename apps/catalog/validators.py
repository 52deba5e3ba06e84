"""Checks on single values; the database repeats each as a named constraint."""

import re
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

CODE_PATTERN = r"^[a-z0-9]+(_[a-z0-9]+)*$"
PLACE_PATTERN = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"
# As facility_time_zone_known has it: neither abbreviations nor what a machine calls its own.
ZONE_PATTERN = re.compile(r"UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+")

# Codes travel in events, addresses and JSON pointers, so they are plain words.
validate_code = RegexValidator(
    CODE_PATTERN, "Use lower-case letters, digits and single underscores, as in gl_posting."
)
validate_place_code = RegexValidator(
    PLACE_PATTERN, "Use capital letters, digits and single hyphens, as in MRC-ED."
)


def validate_time_zone(name: str) -> None:
    """An IANA name such as America/Denver; abbreviations do not know daylight saving."""
    if not ZONE_PATTERN.fullmatch(name) or name not in available_timezones():
        raise ValidationError(
            "%(name)s is not an IANA time zone. Use a name like America/Phoenix.",
            code="time_zone_unknown",
            params={"name": name},
        )
