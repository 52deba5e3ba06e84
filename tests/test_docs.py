"""What the documents name exists: files, links, make targets, commands, variables."""

import importlib.util
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

PROJECT = Path(__file__).resolve().parent.parent
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
FILE = re.compile(r"(?<![\w/.-])((?:apps|bench|config|docs|static|templates|tests)/[\w./-]*\w)")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)\b")
MANAGE = re.compile(r"manage\.py ([a-z_]+)")
MODULE = re.compile(r"python -m ([\w.]+)")
VARIABLE = re.compile(r"\bTHROUGHLINE_[A-Z_]+\b")
SOURCES = [PROJECT / "Makefile", *(PROJECT / "config").rglob("*.py"), *PROJECT.glob("apps/**/*.py")]


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def code(page: Path) -> str:
    return "\n".join(CODE.findall(page.read_text()))


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path):
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_named_in_code_exist(page: Path):
    missing = [file for file in FILE.findall(code(page)) if not (PROJECT / file).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path):
    text = code(page)
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(text)) <= targets
    assert set(MANAGE.findall(text)) <= get_commands().keys()
    for module in MODULE.findall(text):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_environment_variables_are_read_somewhere(page: Path):
    known = " ".join(source.read_text() for source in SOURCES)
    assert {word for word in VARIABLE.findall(page.read_text()) if word not in known} == set()


def test_every_variable_of_the_settings_is_documented():
    read = set(VARIABLE.findall((PROJECT / "config/settings.py").read_text()))
    assert read <= set(VARIABLE.findall((PROJECT / "docs/operations.md").read_text()))
