"""One-way flow: a module imports only from its own package and from those above it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# paper/ is the index from paper items to code: names only, so anyone may read it.
ORDER = (
    "paper",
    "exact",
    "theory",
    "data",
    "network",
    "gadgets",
    "construction",
    "verification",
    "exchange",
    "baseline",
    "illustrations",
    "figures",
    "report",
    "tracking",
    "stages",
    "sweep",
)
TOP = ("config", "__main__")
MAY_CONFIGURE_AND_TRACK = ("tracking", "stages", "sweep", "__main__")
CHECKER = ("verification", "check")
CHECKER_MAY_IMPORT = {"numpy", "flint"}
# Only here, inside a function: nearest pairs of many points, on which no proof rests.
CHECKER_MAY_SEARCH = {("verification", "check", "separation"): "scipy.spatial.cKDTree"}


def imported_modules(path: Path, package: tuple[str, ...]) -> set[str]:
    """Return the absolute names of all modules a source file imports, also inside functions.

    Args:
        path: the source file.
        package: the package the file lies in, ("pipeline", "exact") for pipeline/exact/norms.py.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            # `from pipeline import stages` imports pipeline.stages.
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def violations(root: Path) -> list[str]:
    """Return what breaks the import rules in the `pipeline` package below `root`."""
    found = []
    for path in sorted((root / "pipeline").rglob("*.py")):
        relative = path.relative_to(root).with_suffix("").parts
        for name in sorted(imported_modules(path, relative[:-1])):
            reason = _reason_against(name, relative[1:], root)
            if reason:
                found.append(f"{path.relative_to(root)} imports {name}: {reason}")
    return found


def _reason_against(name: str, module: tuple[str, ...], root: Path) -> str | None:
    parts = name.split(".")
    place = module[0]
    if parts[0] in ("hydra", "mlflow") and place not in MAY_CONFIGURE_AND_TRACK:
        return "only stages/, tracking/ and __main__.py import it"
    if module[:2] == CHECKER:
        allowed = CHECKER_MAY_SEARCH.get(module)
        return None if name == allowed else _reason_against_checker(parts)
    if parts[0] != "pipeline" or place in ("__init__", *TOP):
        return "the package itself imports nothing" if place == "__init__" else None
    if len(parts) == 1 or not _is_room(root / "pipeline", parts[1]):
        return None
    if place not in ORDER:
        return f"{place} has no place in the import order"
    if parts[1] in TOP or parts[1] not in ORDER:
        return f"{parts[1]} lies below every package"
    if ORDER.index(parts[1]) > ORDER.index(place):
        return f"{parts[1]} comes after {place}"
    return None


def _reason_against_checker(parts: list[str]) -> str | None:
    if tuple(parts[:3]) == ("pipeline", *CHECKER):
        return None
    if parts[0] in sys.stdlib_module_names or parts[0] in CHECKER_MAY_IMPORT:
        return None
    return "the independent checker imports only the standard library, numpy and flint"


def _is_room(package: Path, name: str) -> bool:
    return (package / name).is_dir() or (package / f"{name}.py").is_file()


def _tree(root: Path, sources: dict[str, str]) -> Path:
    for name, source in sources.items():
        path = root / "pipeline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def test_every_module_imports_only_its_own_package_and_those_above_it():
    assert violations(ROOT) == []


def test_every_package_has_a_place_in_the_order():
    folders = {p.name for p in (ROOT / "pipeline").iterdir() if any(p.glob("*.py"))}
    assert folders <= {*ORDER, *TOP}


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("exact/a.py", "from pipeline.network import b", "network comes after exact"),
        ("exact/a.py", "from ..network import b", "network comes after exact"),
        ("exact/a.py", "from pipeline import network", "network comes after exact"),
        ("exact/a.py", "import pipeline.network.b as b", "network comes after exact"),
        ("network/a.py", "def f():\n    from pipeline.stages import s", "stages comes after"),
        ("tracking/a.py", "from pipeline.config import C", "config lies below every package"),
        ("data/a.py", "import mlflow.data", "only stages/"),
        ("config.py", "from hydra import main", "only stages/"),
        ("__init__.py", "from pipeline import exact", "imports nothing"),
        ("wild/a.py", "from pipeline.exact import b", "wild has no place"),
        ("verification/check/a.py", "from pipeline.exact import b", "independent checker"),
        ("verification/check/a.py", "from pipeline.verification import b", "independent checker"),
        ("verification/check/a.py", "from .. import b", "independent checker"),
        ("verification/check/a.py", "import scipy.sparse", "independent checker"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path, module, source, reason):
    rooms = {"exact/b.py": "", "network/b.py": "", "stages/s.py": "", "config.py": ""}
    (found,) = violations(_tree(tmp_path, rooms | {"wild/b.py": "", module: source}))
    assert reason in found
    assert found.startswith(f"pipeline/{module} imports ")


def test_allowed_imports_pass(tmp_path):
    sources = {
        "__init__.py": "__version__ = '1'",
        "exact/b.py": "from pipeline.exact.c import d\nfrom . import c\nimport pipeline",
        "network/b.py": "from pipeline.exact import b\nfrom ..exact.b import d\nimport torch",
        "stages/s.py": "import hydra\nfrom pipeline.tracking import run",
        "tracking/run.py": "import mlflow",
        "config.py": "from pipeline.stages import s",
        "__main__.py": "import hydra, mlflow\nfrom pipeline.config import C",
        "verification/check/a.py": (
            "from __future__ import annotations\nimport json, numpy\nimport flint\n"
            "from pipeline.verification.check.b import c\nfrom . import b\nfrom .b import c"
        ),
    }
    assert violations(_tree(tmp_path, sources)) == []
