"""What pages are made of: small drawings, statuses, tiles, the navigation and the scope."""

import re

import pytest
from django.template import Context, Template
from pytest_django.asserts import assertContains, assertNotContains

from apps.dashboard import glyphs
from apps.dashboard.looks import Status, look_of
from apps.dashboard.navigation import ENTRIES, GROUPS, ORDERS
from apps.dashboard.tiles import Change, Tile
from tests.dashboard.cast import done, fold
from tests.dashboard.conftest import signed_in


def shown(source: str, **context) -> str:
    return Template("{% load throughline %}" + source).render(Context(context))


@pytest.mark.parametrize("days", [1, 2, 14, 28, 90])
def test_a_sparkline_is_small_and_says_its_figures(days):
    values = [98.4 + (n * 7 % 5) / 10 for n in range(days)]
    drawn = glyphs.spark(values, 98, label="Within SLA")
    assert len(drawn) < 400
    assert f"Within SLA: {days} values, " in drawn
    assert drawn.partition(" d=")[2].count("L") < glyphs.MOST_POINTS


def test_a_sparkline_keeps_a_dip_when_it_has_too_many_points():
    values = [99.0] * 200
    values[77] = 12.0
    # The dip alone reaches the bottom of the drawing.
    assert " 18" in glyphs.spark(values)


def test_a_sparkline_is_red_only_on_the_wrong_side_of_its_target():
    assert 'class="spark bad"' in glyphs.spark([99, 97], 98)
    assert 'class="spark "' in glyphs.spark([97, 99], 98)
    assert 'class="spark bad"' in glyphs.spark([30, 45], 40, worse="above")


def test_a_gap_in_the_figures_is_a_gap_in_the_line():
    assert glyphs.spark([1, 2, None, 2, 1]).count("M") == 2
    assert "no data" in glyphs.spark([None, None])


def test_a_range_lies_on_the_scale_of_its_column():
    drawn = glyphs.value_range(2, 5, 9, least=0, most=10, label="Hours")
    assert 'aria-label="Hours 5, between 2 and 9"' in drawn
    assert len(drawn) < 400


def test_parts_of_a_whole_fill_it():
    drawn = glyphs.stacked([("in time", 3, "f-ok"), ("late", 1, "f-bad")])
    assert re.findall(r'x="([\d.]+)%" width="([\d.]+)%"', drawn) == [("0", "75"), ("75", "25")]
    assert "in time 3, late 1" in drawn


def test_bars_of_nothing_have_no_width():
    assert 'width="0%"' in glyphs.bar(0, 0)
    assert 'x="50%"' in glyphs.bar(1, 2, side="right")


def test_each_word_of_a_status_stands_for_one_thing():
    words = [one.word for one in Status]
    assert len(words) == len(set(words))


def test_a_status_is_an_icon_and_a_word():
    markup = shown('{% status "in_flight" pill=True %}')
    assert "#progress" in markup
    assert "In flight</span>" in markup
    assert "Late by 3 h" in shown('{% status "late" "Late by 3 h" %}')
    assert look_of("late").saying("Late by 3 h").css == "bad"


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_a_severity_has_as_many_bars_as_it_weighs(rank):
    markup = shown(f"{{% severity {rank} %}}")
    assert markup.count('class="o"') == rank - 1
    assert f"S{rank}" in markup


def test_what_a_reader_wrote_is_text_in_every_component():
    evil = "<img src=x onerror=alert(1)>"
    sources = (
        "{% status 'late' evil %}",
        "{% include '_note.html' with text=evil %}",
        "{% blank 'inbox' evil %}{{ evil }}{% endblank %}",
        "{% note 'warn' %}{{ evil }}{% endnote %}",
        "{% include '_toast.html' with text=evil %}",
        "{% spark values label=evil %}",
    )
    for source in sources:
        assert "<img" not in shown(source, evil=evil, values=[1, 2]), source


def test_a_tile_compares_with_what_is_usual_and_opens_how_it_is_computed():
    tile = Tile("Messages", "9", change=Change("4 % under usual", "warn"), address="/keys/")
    markup = shown('{% include "_tile.html" %}', tile=tile)
    assert "4 % under usual" in markup
    assert 'href="/keys/" data-dialog="drawer"' in markup


def test_letters_of_the_navigation_are_each_taken_once():
    letters = [one.letter for one in ENTRIES if one.letter]
    assert len(letters) == len(set(letters))
    assert all(one.group in GROUPS for one in ENTRIES)


def test_every_role_has_an_order():
    from apps.accounts.roles import ROLES

    assert ORDERS.keys() == ROLES.keys()


def test_the_style_guide_shows_every_status(as_ivo):
    page = as_ivo.get("/styleguide/")
    for one in Status:
        assertContains(page, f"{one.word}</span>")


def test_the_style_guide_is_no_page_of_an_analyst(as_bea):
    assert as_bea.get("/styleguide/").status_code == 403


def test_the_keys_name_only_pages_that_the_reader_may_open(as_bea):
    page = as_bea.get("/keys/", headers={"HX-Request": "true"})
    assertContains(page, "Flow health")
    assertNotContains(page, "Status")
    assertNotContains(page, "<html")


def test_the_facilities_of_a_page_are_chosen_in_the_top_bar(network, as_ivo):
    fold(network, *done("d-1"), *done("d-2", facility=1))
    page = as_ivo.get("/flow/?window=7d")
    assertContains(page, 'id="scope"', count=1)
    # A part that was swapped brings the control with the new window along.
    part = as_ivo.get("/flow/?window=1h", headers={"HX-Request": "true"})
    assertContains(part, 'hx-swap-oob="true"')


def test_facilities_of_others_are_not_in_the_control(network, person):
    bea = signed_in(person("bea", "revenue_cycle_analyst", network.facilities[0]))
    control = re.search(r'id="scope".*?</details>', bea.get("/flow/").content.decode(), re.DOTALL)
    assert control
    assert "North" in control[0]
    assert "South" not in control[0]
