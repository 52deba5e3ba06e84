"""The filter of the list of batches."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.db.models import QuerySet

from apps.telemetry.models import IngestBatch, Source

STATES = {
    "waiting": IngestBatch.State.WAITING,
    "folded": IngestBatch.State.FOLDED,
    "failed": IngestBatch.State.FAILED,
}


class BatchFilter(forms.Form):
    """Whose batches, and in what state; codes, as they stand in the address."""

    source = forms.ModelChoiceField(
        Source.objects.none(), to_field_name="code", required=False, empty_label="Any source"
    )
    state = forms.ChoiceField(
        choices=[("", "Any state"), *((name, name.capitalize()) for name in STATES)],
        required=False,
    )

    def __init__(self, data: Mapping[str, Any], *, sources: QuerySet[Source]) -> None:
        super().__init__(data)
        cast(Any, self.fields["source"]).queryset = sources
        for field in self.fields.values():
            field.widget.attrs["class"] = "control select"
        self.is_valid()

    def chosen(self) -> dict[str, Any]:
        """Source and state as numbers; a filter that makes no sense is as good as not set."""
        source = self.cleaned_data.get("source")
        state = STATES.get(self.cleaned_data.get("state") or "")
        return {"source": source.pk if source else None, "state": state}
