"""The documentation is checked against the code: index, reader, quoted commands."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import build
from pipeline.data import SeparatedDataset, generate_dataset, save_dataset
from pipeline.exact import as_dyadic
from pipeline.exchange.__main__ import main as exchange
from pipeline.network import save_network
from pipeline.paper import ITEMS, Item, markdown_table

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.item)
def test_every_item_of_the_paper_leads_to_code_and_to_a_test(item: Item) -> None:
    module, name = item.code.split(":")
    assert hasattr(importlib.import_module(module), name)
    assert (ROOT / item.test).is_file()


def test_tables_of_readme_and_paper_page_are_the_index() -> None:
    assert markdown_table() in (ROOT / "README.md").read_text(encoding="utf-8")
    assert markdown_table(full=True) in (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")


def test_reader_of_the_format_page_opens_our_files(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    assert len(program.splitlines()) <= 60
    (tmp_path / "reader.py").write_text(program, encoding="utf-8")
    # 70-bit coordinates, so that integers of several words are read too.
    points = np.array([[2.0**-40, 1.0], [2.0**30, 3.0], [5.0, 2.0**30]])
    data = SeparatedDataset("wide", as_dyadic(points), np.array([1, 2, 3]))
    save_dataset(tmp_path / "dataset.npz", data)
    save_network(tmp_path / "network.npz", build("parallel_balls", data, Fraction(1, 2)).network)
    out = subprocess.run(
        [sys.executable, "reader.py", "dataset.npz", "network.npz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.split() == ["1", "1", "2", "2", "3", "3"]


def test_python_example_of_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    program, _ = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    scope: dict[str, object] = {}
    exec(compile(program, "README.md", "exec"), scope)
    data, _ = generate_dataset("wine")
    values = scope["built"].network.evaluate_exact(data.X)  # type: ignore[attr-defined]
    assert (values.fractions()[:, 0] == data.y).all()


def test_bounds_that_the_readme_quotes_are_those_it_computes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, program = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    imports, _, lines = program.partition("\n\n")
    scope: dict[str, object] = {}
    exec(imports, scope)
    for line in lines.splitlines():
        call, _, quoted = line.partition("#")
        words = quoted.rpartition(":")[2].replace("'", "").split(",")
        found = np.atleast_1d(eval(call, scope)).tolist()
        for value, word in zip(found, words, strict=True):
            # Numbers are quoted with one decimal.
            shown = value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
            assert shown == word.strip().removesuffix(".0"), line


def test_example_of_the_extending_page_prints_its_table(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (module,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    (command,) = re.findall(r"```sh\n(.*?)```", page, flags=re.S)
    table, failure = re.findall(r"```text\n(.*?)```", page, flags=re.S)
    (tmp_path / "my_constructions.py").write_text(module, encoding="utf-8")
    arguments = shlex.split(command.replace("\\\n", ""))[1:]
    arguments += [f"tracking.uri=sqlite:///{tmp_path}/runs.db", f"cache.folder={tmp_path}/cache"]
    arguments += [f"hydra.run.dir={tmp_path}/run", "report.html=false", "report.formats=[]"]

    def ended(*more: str) -> tuple[int, str]:
        out = subprocess.run(
            [sys.executable, *arguments, *more],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        return out.returncode, out.stdout + out.stderr

    code, printed = ended()
    assert code == 0, printed
    # The last column, the seconds, differs from run to run.
    lines = [line.rstrip() for line in printed.splitlines()]
    for row in table.splitlines():
        assert any(line.startswith(row) for line in lines), (row, printed)
    code, printed = ended("rho=1/3")
    assert code == 1 and printed.splitlines()[-1] == failure.strip()


def test_example_of_the_exchange_page_exports_a_trained_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    (command,) = re.findall(r"```sh\n(.*?)```", page, flags=re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "exchange.md", "exec"), {})
    module, *arguments = shlex.split(command)[2:]
    # 3: a point of SCIP refutes the ball, as it may for the weights of another processor.
    assert module == "pipeline.exchange" and exchange(arguments) in (0, 3)
    for name in re.findall(r"`(ball_I[^`, ]*)`", page):
        assert (tmp_path / "cases" / name.replace("I", "3", 1)).is_file(), name
    assert "SCIP maximize f: optimal" in capsys.readouterr().out


def test_counts_quoted_in_the_readme_are_the_planner_s() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    data, _ = generate_dataset("digits")
    for rho in (Fraction(1, 2), Fraction(99, 100)):
        count = build("parallel_balls", data, rho).plan.parameter_count()
        assert f"{count:,}" in text


def test_no_document_names_a_folder_of_a_machine() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("conf/**/*.yaml")]
    for page in pages:
        assert not re.search(r"/(root|home|tmp|work)/", page.read_text(encoding="utf-8")), page
