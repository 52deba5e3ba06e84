"""Who may know whom: between apps, inside an app, and in raw SQL. A new app fails until listed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
APPS = PROJECT / "apps"
MAY_USE: dict[str, set[str]] = {
    "core": set(),
    "catalog": {"core"},
    "accounts": {"core", "catalog"},
    "telemetry": {"core", "catalog", "accounts"},
    "scorecards": {"core", "catalog", "accounts", "telemetry"},
    "triage": {"core", "catalog", "accounts", "telemetry"},
    "pipeline": {"core", "catalog", "accounts", "telemetry", "scorecards", "triage"},
    "dashboard": {"core", "catalog", "accounts", "telemetry", "scorecards", "triage", "pipeline"},
    # Speaks to the product over HTTP alone, as a hospital's own systems would.
    "demo": {"core"},
}
WITHOUT_MODELS = {"core", "pipeline", "dashboard", "demo"}
# Each may import those before it.
LAYERS = ["models", "queries", "services", "tasks", "forms", "views", "urls"]
LONGEST_FUNCTION = 50
LONGEST_MODULE = 400

MODULES = sorted(path for path in APPS.rglob("*.py") if path.parent != APPS)
SQL_FILES = sorted(APPS.rglob("*.sql"))
TABLE = re.compile(rf"\b({'|'.join(MAY_USE)})_\w+")


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def app_of(path: Path) -> str:
    return path.relative_to(APPS).parts[0]


def layer_of(path: Path) -> str:
    """`views` for apps/x/views.py and for everything below apps/x/views/."""
    return Path(path.relative_to(APPS).parts[1]).stem


def imports(tree: ast.AST, path: Path) -> Iterator[str]:
    """Every module named by an import, relative ones resolved, `from a import b` as a.b."""
    package = path.relative_to(PROJECT).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def own_imports(tree: ast.AST, path: Path) -> list[list[str]]:
    return [name.split(".") for name in imports(tree, path) if name.startswith("apps.")]


def strings(tree: ast.AST) -> Iterator[str]:
    """Every string that may be SQL: all but the docstrings."""
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_app_is_in_the_table():
    folders = {path.parent.name for path in APPS.glob("*/__init__.py")}
    assert folders == MAY_USE.keys()


def test_the_table_has_no_cycle():
    for app, allowed in MAY_USE.items():
        assert app not in allowed
        for other in allowed:
            assert app not in MAY_USE[other]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_one_way(path: Path):
    others = {parts[1] for parts in own_imports(ast.parse(path.read_text()), path)}
    assert others - {app_of(path)} <= MAY_USE[app_of(path)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_sql_in_python_names_only_own_tables_and_those_to_the_left(path: Path):
    owners = set(TABLE.findall(" ".join(strings(ast.parse(path.read_text())))))
    assert owners - {app_of(path)} <= MAY_USE[app_of(path)]


@pytest.mark.parametrize("path", SQL_FILES, ids=name)
def test_sql_files_name_only_own_tables_and_those_to_the_left(path: Path):
    statements = re.sub(r"--.*", "", path.read_text())
    assert set(TABLE.findall(statements)) - {app_of(path)} <= MAY_USE[app_of(path)]


@pytest.mark.parametrize("path", [p for p in MODULES if layer_of(p) in LAYERS], ids=name)
def test_layers_inside_an_app_point_one_way(path: Path):
    above = set(LAYERS[LAYERS.index(layer_of(path)) + 1 :])
    used = own_imports(ast.parse(path.read_text()), path)
    assert not {p[2] for p in used if p[1] == app_of(path) and len(p) > 2} & above


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "apps.py"], ids=name)
def test_no_import_hides_in_a_function(path: Path):
    """apps.py is the exception: Django loads it before any model may be imported."""
    for function in functions(ast.parse(path.read_text())):
        assert not own_imports(function, path), f"{path.name}:{function.lineno}"


@pytest.mark.parametrize("app", sorted(WITHOUT_MODELS))
def test_some_apps_have_no_models(app: str):
    assert not list((APPS / app).glob("models*"))
    assert not list((APPS / app).glob("migrations*"))


def is_written(path: Path) -> bool:
    """Migrations are mostly generated; their length says nothing."""
    return "migrations" not in path.parts


WRITTEN = [p for p in [*MODULES, *sorted((PROJECT / "config").rglob("*.py"))] if is_written(p)]


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_functions_and_modules_stay_readable(path: Path):
    source = path.read_text()
    tree = ast.parse(source)
    sql = sum(text.count("\n") for text in strings(tree))
    assert source.count("\n") - sql <= LONGEST_MODULE
    for function in functions(tree):
        assert (function.end_lineno or 0) - function.lineno < LONGEST_FUNCTION, function.name
