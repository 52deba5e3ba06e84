"""Forms of the pages."""

from apps.dashboard.forms.catalogue import AliasForm, DecisionForm, TargetForm

__all__ = ["AliasForm", "DecisionForm", "TargetForm"]
