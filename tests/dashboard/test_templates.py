"""What every template and static file keeps to, so that a strict policy can hold."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.template.loader import get_template
from django.test import Client

from apps.dashboard import vendoring

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
STATIC = settings.BASE_DIR / "static"
SPRITE = (STATIC / "vendor/icons/icons.svg").read_text()
ours = pytest.mark.parametrize(
    "path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR))
)


@ours
def test_no_style_script_or_handler_stands_in_a_page(path: Path):
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"\|\s*safe\b|safeseq|autoescape off|hx-vals=.js:|inlineScriptNonce", text)


@ours
def test_every_tag_is_known_where_it_is_used(path: Path):
    get_template(str(path.relative_to(settings.BASE_DIR / "templates")))


@ours
def test_a_comment_of_one_line_is_one_line(path: Path):
    """Django shows any other to the reader."""
    for line in path.read_text().splitlines():
        assert line.count("{#") == line.count("#}")


@ours
def test_icons_are_in_the_sprite(path: Path):
    named = re.findall(r'{% icon "([\w-]+)"', path.read_text())
    named += re.findall(r'glyph="([\w-]+)"', path.read_text())
    assert [name for name in named if f'<symbol id="{name}"' not in SPRITE] == []


def test_icons_named_in_code_are_in_the_sprite():
    from apps.dashboard.looks import Status
    from apps.dashboard.navigation import ENTRIES

    named = {one.icon for one in Status} | {one.icon for one in ENTRIES}
    assert [name for name in named if f'<symbol id="{name}"' not in SPRITE] == []


def test_no_icon_of_the_sprite_is_one_that_nobody_names():
    ours = [*(settings.BASE_DIR / "apps").rglob("*.py"), *TEMPLATES]
    said = "\n".join(path.read_text() for path in ours)
    kept = re.findall(r'<symbol id="([\w-]+)"', SPRITE)
    assert [name for name in kept if f'"{name}"' not in said] == []


def test_every_class_in_our_templates_and_tones_has_a_rule():
    css = (STATIC / "css/throughline.css").read_text()
    for name in ("q0", "q1", "q2", "q3", "q4", "few", "none", "unused", "hs", "att", "lane"):
        assert re.search(rf"\.{name}\b", css), name


def test_vendored_files_are_what_the_manifest_says():
    assert vendoring.altered_files() == []
    call_command("vendor_assets", "--check", stdout=StringIO())


def test_an_altered_file_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr(vendoring, "FOLDER", tmp_path)
    with pytest.raises(CommandError, match="inter-latin"):
        call_command("vendor_assets", "--check")


def test_every_vendored_package_brings_its_licence():
    for package in vendoring.packages():
        assert package.licence
        assert any(target.endswith("LICENSE") for target in package.copies.values())


def test_the_policy_allows_nothing_unsafe(db):
    policy = Client().get("/sign-in/").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for rule in ("script-src 'self'", "object-src 'none'", "frame-ancestors 'none'"):
        assert rule in policy


def test_pages_are_kept_by_nobody(as_bea):
    assert as_bea.get("/flow/").headers["Cache-Control"] == "no-store"
