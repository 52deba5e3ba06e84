"""The form of the search."""

from django import forms


class SearchForm(forms.Form):
    """One number, as it stands on a paper or in another system."""

    q = forms.CharField(
        label="Number",
        max_length=256,
        widget=forms.TextInput(
            attrs={
                "class": "control",
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
                "type": "search",
            }
        ),
        error_messages={
            "required": "Type a number or a name first.",
            "max_length": "No number is longer than 256 characters.",
        },
    )
