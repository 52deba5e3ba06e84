"""Forms of the pages."""

from apps.dashboard.forms.catalogue import AliasForm, DecisionForm, TargetForm
from apps.dashboard.forms.exceptions import CodeForm, KindForm, PlaybookForm, SignalForm
from apps.dashboard.forms.routing import DeadlineForm, ReasonForm, RuleForm, WhoseForm
from apps.dashboard.forms.search import SearchForm

__all__ = [
    "AliasForm",
    "CodeForm",
    "DeadlineForm",
    "DecisionForm",
    "KindForm",
    "PlaybookForm",
    "ReasonForm",
    "RuleForm",
    "SearchForm",
    "SignalForm",
    "TargetForm",
    "WhoseForm",
]
