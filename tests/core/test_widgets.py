"""Lists of choices are written out in one go, and as Django would write them."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.test.html import parse_html
from django.utils.safestring import mark_safe

from apps.core.widgets import Renderer

CHOICES = [("", "All"), ("a&b", "A < B"), (3, mark_safe("<b>3</b>")), ("Group", [("x", "X")])]


@pytest.mark.parametrize("chosen", [None, "", "a&b", "3", "x"])
def test_a_select_is_written_as_django_writes_it(chosen: str | None) -> None:
    widget = forms.Select(attrs={"class": "con&trol", "required": True, "disabled": False})
    widget.choices = CHOICES

    def written(renderer: DjangoTemplates) -> object:
        return parse_html(widget.render("na<me", chosen, {"id": "id_name"}, renderer))

    assert written(Renderer()) == written(DjangoTemplates())


def test_the_pages_are_written_by_it() -> None:
    assert isinstance(forms.Form().renderer, Renderer)
