"""Forms of the pages."""

from apps.dashboard.forms.catalogue import AliasForm, DecisionForm, TargetForm
from apps.dashboard.forms.exceptions import CodeForm, KindForm, PlaybookForm, SignalForm
from apps.dashboard.forms.search import SearchForm

__all__ = [
    "AliasForm",
    "CodeForm",
    "DecisionForm",
    "KindForm",
    "PlaybookForm",
    "SearchForm",
    "SignalForm",
    "TargetForm",
]
