"""Forms of telemetry: the quarantine's, and those of sources and their keys."""

from apps.telemetry.forms.quarantine import (
    BulkForm,
    CorrectionForm,
    DiscardForm,
    FilterForm,
)
from apps.telemetry.forms.sources import IssueForm, RevokeForm, RotateForm, SourceForm

__all__ = [
    "BulkForm",
    "CorrectionForm",
    "DiscardForm",
    "FilterForm",
    "IssueForm",
    "RevokeForm",
    "RotateForm",
    "SourceForm",
]
