"""Parts of addresses that Django has no converter for."""

from apps.core.exports import Form


class FormConverter:
    """`csv` or `xlsx`, at the end of the address of a table."""

    regex = "|".join(Form)

    def to_python(self, value: str) -> Form:
        return Form(value)

    def to_url(self, value: Form | str) -> str:
        return Form(value).value
