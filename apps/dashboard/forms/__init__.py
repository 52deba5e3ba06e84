"""Forms of the pages."""

from apps.dashboard.forms.catalogue import AliasForm, DecisionForm, TargetForm
from apps.dashboard.forms.search import SearchForm

__all__ = ["AliasForm", "DecisionForm", "SearchForm", "TargetForm"]
