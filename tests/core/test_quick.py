"""What pages have hundreds of is written as Django writes it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.template import engines
from django.template.defaultfilters import date as any_date
from django.urls import NoReverseMatch, reverse
from django.utils.timezone import override

MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def written(source: str, **told: object) -> str:
    return str(engines["django"].from_string(source).render(told))


@pytest.mark.parametrize(
    "form", ["j M Y", "j M Y, H:i", "Y-m-d H:i:s", "j M H:i:s", "H:i", "d.m.Y", "D j", "jS F", "c"]
)
@pytest.mark.parametrize("moment", [MOMENT, MOMENT.replace(day=23), None, ""])
def test_a_moment_is_what_django_writes(form: str, moment: datetime | None) -> None:
    assert written(f'{{{{ moment|date:"{form}" }}}}', moment=moment) == any_date(moment, form)


def test_a_day_is_what_django_writes() -> None:
    assert written('{{ day|date:"j M Y" }}', day=MOMENT.date()) == "3 Feb 2026"


def test_a_moment_is_in_the_time_of_its_reader() -> None:
    with override(ZoneInfo("America/Chicago")):
        assert written('{{ moment|date:"j M H:i" }}', moment=MOMENT) == "2 Feb 22:05"


def test_an_address_is_what_django_works_out() -> None:
    found = written('{% url "dashboard:cell" workflow "A-1" %}', workflow="coding")

    assert found == reverse("dashboard:cell", args=["coding", "A-1"])


def test_an_address_may_be_kept_under_a_name() -> None:
    assert written('{% url "dashboard:flow" as there %}<{{ there }}>') == "</flow/>"


def test_numbers_and_words_are_told_apart() -> None:
    assert written('{% url "accounts:person" 1 %}') == reverse("accounts:person", args=[1])
    with pytest.raises(NoReverseMatch):
        written('{% url "accounts:person" "one" %}')
