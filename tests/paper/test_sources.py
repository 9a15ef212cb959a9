"""Every source that is cited has one entry in docs/references.bib, and every entry is cited."""

import re
from functools import cache
from pathlib import Path

import pytest

from pipeline.paper.item import ARXIV
from pipeline.paper.sources import SOURCES
from pipeline.theory.table1 import ROWS, Row

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY = ROOT / "docs" / "references.bib"
INDEX = ROOT / "pipeline" / "paper" / "sources.py"

_WORD = "[A-ZÀ-ÞŠŽČŁ][a-zß-ÿĀ-ž]+"
NAME = rf"(?:De )?{_WORD}(?:-{_WORD})?"
AUTHORS = rf"{NAME}(?: et al\.|(?:, {NAME})* and {NAME})?"
# Zhang et al. 2018; Zhang et al. (2018); Zhang et al., "Title", 2018.
CITATION = re.compile(rf'\b({AUTHORS})(?:, "([^"]+)")?,? \(?((?:18|19|20)\d\d)\b(?!-)')
ET_AL = re.compile(rf"\b({NAME}) et al\.")
ARXIV_NUMBER = re.compile(r"arXiv:(\d{4}\.\d{5})")

ENTRY = re.compile(r"@([a-z]+)\{([a-z0-9]+),\n((?:  [^\n]+\n)+)\}\n")
FIELD = re.compile(r"\s+([a-z]+) = \{((?:[^{}]|\{[^{}]*\})+)\},")
BETWEEN = re.compile(r"(?:%[^\n]*\n|\n)*")
# What BibTeX's standard styles ask of each type, beside author, title and year.
NEEDED = {
    "article": {"journal"},
    "incollection": {"booktitle", "publisher"},
    "inproceedings": {"booktitle"},
    "misc": set(),
    "phdthesis": {"school"},
}
SHAPES = {
    "archiveprefix": r"arXiv",
    "author": r"[^,]+(, [^,]+)?( and [^,]+(, [^,]+)?)*",
    "doi": r"10\.\d{4,}/\S+",
    "eprint": r"\d{4}\.\d{4,5}",
    "number": r"\d+(--\d+)?",
    "pages": r"\d+--\d+",
    "url": r"https://\S+",
    "volume": r"\d+",
    "year": r"(18|19|20)\d\d",
} | dict.fromkeys(
    ("booktitle", "howpublished", "journal", "note", "publisher", "school", "series", "title"),
    r"\S.*\S",
)


def entries_of(text: str) -> dict[str, dict[str, str]]:
    """Return key -> fields of a BibTeX file that holds entries and comments, nothing else."""
    found: dict[str, dict[str, str]] = {}
    at = BETWEEN.match(text).end()
    while at < len(text):
        entry = ENTRY.match(text, at)
        if entry is None:
            raise ValueError(f"no entry: {text[at : at + 40]!r}")
        kind, key, body = entry.groups()
        if key in found:
            raise ValueError(f"{key} stands twice")
        found[key] = _fields(kind, key, body)
        at = BETWEEN.match(text, entry.end()).end()
    return found


def _fields(kind: str, key: str, body: str) -> dict[str, str]:
    pairs = FIELD.findall(body)
    if kind not in NEEDED:
        raise ValueError(f"{key}: no type is called {kind}")
    if FIELD.sub("", body).strip():
        raise ValueError(f"{key}: more than fields")
    fields = {name: " ".join(value.split()) for name, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError(f"{key}: a field stands twice")
    if missing := ({"author", "title", "year"} | NEEDED[kind]) - set(fields):
        raise ValueError(f"{key} lacks {sorted(missing)}")
    for name, value in fields.items():
        if not re.fullmatch(SHAPES.get(name, "(?!)"), value):
            raise ValueError(f"{key}: {name} = {value!r}")
    return fields


def surnames(entry: dict[str, str]) -> list[str]:
    """Return the authors' surnames, without braces and accents."""
    plain = re.sub(r"\\.|[{}]", "", entry["author"])
    return [author.split(",")[0] for author in plain.split(" and ")]


def flat(text: str) -> str:
    """Return the text in one line, without the signs of comments."""
    return " ".join(re.sub(r"\n\s*#+", "\n", text).split())


def citations(text: str) -> set[tuple[str, str, str]]:
    """Return (authors, quoted title or "", year) of all citations in one line of text."""
    return set(CITATION.findall(text))


@cache
def texts() -> dict[str, str]:
    """Return file -> text in one line, for all that may cite but the index and this test."""
    patterns = ("pipeline/**/*.py", "tests/**/*.py", "conf/**/*.yaml", "docs/*.md", "*.md")
    paths = {path for pattern in patterns for path in ROOT.glob(pattern)}
    paths -= {INDEX, Path(__file__).resolve()}
    return {str(p.relative_to(ROOT)): flat(p.read_text(encoding="utf-8")) for p in paths}


@cache
def cited() -> set[tuple[str, str, str, str]]:
    """Return (file, authors, quoted title or "", year) of every citation."""
    return {(path, *found) for path, text in texts().items() for found in citations(text)}


@cache
def entries() -> dict[str, dict[str, str]]:
    return entries_of(BIBLIOGRAPHY.read_text(encoding="ascii"))


def test_every_author_with_a_year_is_in_the_index() -> None:
    words = {(path, f"{authors} {year}") for path, authors, _, year in cited()}
    assert ("docs/theory.md", "Dillinger and Walzer 2021") in words
    assert not {(path, found) for path, found in words if found not in SOURCES}


def test_every_et_al_without_a_year_is_an_author_of_the_index() -> None:
    known = {name for words in SOURCES for name in ET_AL.findall(words)}
    unknown = {
        (path, name)
        for path, text in texts().items()
        for name in ET_AL.findall(text)
        if name not in known
    }
    assert not unknown


def test_every_arxiv_number_is_that_of_an_entry() -> None:
    known = {entry.get("eprint") for entry in entries().values()}
    numbers = {number for text in texts().values() for number in ARXIV_NUMBER.findall(text)}
    assert "1711.07356" in numbers and numbers <= known
    assert ARXIV.startswith(entries()["kim2025cost"]["eprint"] + "v")


def test_a_quoted_title_is_the_beginning_of_the_entrys() -> None:
    quoted = {(f"{authors} {year}", title) for _, authors, title, year in cited() if title}
    assert len(quoted) >= 6
    for words, title in quoted:
        full = re.sub(r"[{}]", "", entries()[SOURCES[words]]["title"])
        assert full.lower().startswith(title.lower())


def test_the_index_and_the_bibliography_have_the_same_keys() -> None:
    assert set(SOURCES.values()) == set(entries())
    assert "(references.bib)" in texts()["docs/paper.md"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_a_row_of_table_1_has_the_key_of_the_work_it_names(row: Row) -> None:
    named = {SOURCES[f"{authors} {year}"] for authors, _, year in citations(row.source)}
    assert row.key in (named or {"kim2025cost", ""})
    assert row.by != "paper" or row.key == "kim2025cost"


def test_the_words_of_the_index_are_somewhere_in_the_text() -> None:
    words = {f"{authors} {year}" for _, authors, _, year in cited()}
    everything = "\n".join(texts().values()).lower()
    for source in set(SOURCES) - words:
        # "CROWN" is not cited by CROWN-IBP; plain searches first, the pattern only where they hit.
        alone = re.compile(rf"(?<![\w-]){re.escape(source.lower())}(?![\w-])")
        at = everything.find(source.lower())
        while at >= 0 and not alone.match(everything, at):
            at = everything.find(source.lower(), at + 1)
        assert at >= 0, source


@pytest.mark.parametrize("words", [words for words in SOURCES if CITATION.fullmatch(words)])
def test_authors_and_year_in_the_words_are_those_of_the_entry(words: str) -> None:
    entry = entries()[SOURCES[words]]
    authors, year = words.rsplit(" ", 1)
    names = surnames(entry)
    assert entry["year"] == year
    if authors.endswith(" et al."):
        assert len(names) > 2 and names[0] == authors.removesuffix(" et al.")
    else:
        assert names == re.split(", | and ", authors)


@pytest.mark.parametrize("words", ["Kim, Moon, Yun", "Tjeng, Xiao and Tedrake"])
def test_authors_named_in_full_are_those_of_the_entry(words: str) -> None:
    assert surnames(entries()[SOURCES[words]]) == re.split(", | and ", words)


@pytest.mark.parametrize("key", SOURCES.values())
def test_a_key_is_the_first_surname_and_the_year(key: str) -> None:
    entry = entries()[key]
    first = surnames(entry)[0].lower().replace(" ", "")
    assert re.fullmatch(rf"{first}{entry['year']}[a-z]*", key)
    assert ("eprint" in entry) == ("archiveprefix" in entry)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("as Zhang et al. 2018 do", ("Zhang et al.", "", "2018")),
        ("(De Palma et al., 2021)", ("De Palma et al.", "", "2021")),
        ("Yu et al. (2024)", ("Yu et al.", "", "2024")),
        (
            'Xu et al., "Fast\nand complete",\n2021 (alpha)',
            ("Xu et al.", "Fast and complete", "2021"),
        ),
        ("Goldberg\n# and Jerrum 1995", ("Goldberg and Jerrum", "", "1995")),
        ("Tjeng, Xiao and Tedrake 2019", ("Tjeng, Xiao and Tedrake", "", "2019")),
        ("see Telgarsky (2016)", ("Telgarsky", "", "2016")),
        ("Matoušek and Müller-Škoda, 2013", ("Matoušek and Müller-Škoda", "", "2013")),
    ],
)
def test_every_way_of_citing_is_found(text: str, found: tuple[str, str, str]) -> None:
    assert citations(flat(text)) == {found}


GOOD = "@misc{a1999,\n  author = {A, B.},\n  title = {On {C}},\n  year = {1999},\n}\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1999},", "1999}"),
        ("{C}}", "{C}"),
        ("  year = {1999},\n", ""),
        ("  year", "  title = {D},\n  year"),
        ("  year", "  pages = {1-9},\n  year"),
        ("{1999}", "{99}"),
        ("{A, B.}", "{A, B., C, D.}"),
        ("@misc", "@article"),
        ("@misc", "@book"),
        ("  year", "  yaer = {1999},\n  year"),
        ("@misc{a1999", "misc{a1999"),
        (",\n}\n", ",\n}\nx\n"),
        (GOOD, GOOD + GOOD),
    ],
)
def test_a_broken_bibliography_is_refused(old: str, new: str) -> None:
    assert entries_of("% c\n\n" + GOOD)["a1999"]["title"] == "On {C}"
    assert old in GOOD
    with pytest.raises(ValueError):
        entries_of(GOOD.replace(old, new))
