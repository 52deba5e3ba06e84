"""Which rule refused a write, by name and in words."""

from collections.abc import Iterator

from django.apps import apps
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, IntegrityError
from django.db.models import BaseConstraint


def constraint_of(error: IntegrityError) -> str:
    """The constraint's name, also where a trigger raised it."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""


def words_of(error: ValidationError | DatabaseError) -> str:
    """Why a model or the database refused, for whoever asked."""
    if isinstance(error, ValidationError):
        return " ".join(_sentences(error))
    name = constraint_of(error) if isinstance(error, IntegrityError) else ""
    return _said_of(name) or _primary(error) or str(error.args[0])


def _sentences(error: ValidationError) -> Iterator[str]:
    """What is wrong, with the field it is about."""
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for field, texts in error.message_dict.items():
        about = "" if field == NON_FIELD_ERRORS else f"{field.replace('_', ' ')}: "
        yield from (about + text for text in texts)


def _said_of(name: str) -> str:
    """What the catalogue says of a constraint, where it says more than that it is violated."""
    models = apps.get_app_config("catalog").get_models()
    rules = (rule for model in models for rule in model._meta.constraints if rule.name == name)
    said = (rule.violation_error_message for rule in rules)
    silence = BaseConstraint.default_violation_error_message
    return next((str(words) for words in said if words != silence), "")


def _primary(error: DatabaseError) -> str:
    return getattr(getattr(error.__cause__, "diag", None), "message_primary", None) or ""
