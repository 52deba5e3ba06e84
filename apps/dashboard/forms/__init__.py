"""Forms of the pages."""

from apps.dashboard.forms.catalogue import AliasForm, DecisionForm, TargetForm
from apps.dashboard.forms.sign_in import SignInForm

__all__ = ["AliasForm", "DecisionForm", "SignInForm", "TargetForm"]
