"""Claims about report.html: it is honest, self-contained, escaped, and says how to check again."""

import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest

from pipeline.construction.exponents import Exponent, Fit
from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.figures import figure_1, figure_bytes
from pipeline.report import (
    BallData,
    FileDigest,
    RowDetails,
    RunDetails,
    SummaryRow,
    report_page,
)
from pipeline.report.details import exact_text
from pipeline.report.page import claim, inline_figure
from pipeline.theory import bounds_table
from tests.report.elements import Elements

ROWS = [
    SummaryRow(
        construction="parallel_balls",
        dataset="square",
        N=4,
        d=2,
        C=2,
        rho="1/2",
        parameter_count=40,
        nonzero_count=30,
        depth=4,
        width=9,
        first_hidden_width=2,
        bit_complexity=12,
        lower_bound=5.0,
        verified=4,
        falsified=0,
        unknown=0,
        seconds={"construct": 0.5},
        files={"dataset": "dataset.npz", "network": "n.npz", "certificate": "c.npz"},
    )
]
ROWS.append(
    replace(
        ROWS[0],
        construction="thm_4_2_iii",
        nonzero_count=None,
        bit_complexity=None,
        verified=None,
        falsified=None,
        unknown=None,
        files={"dataset": "dataset.npz"},
    )
)
ROWS.append(
    replace(
        ROWS[0],
        construction="pgd",
        verified=0,
        falsified=1,
        unknown=3,
        files={"dataset": "dataset.npz", "network": "pgd.npz"},
    )
)
CHECK = "python -m pipeline.verification.check dataset.npz n.npz c.npz"
DETAILS = (
    RowDetails(
        "parallel_balls",
        "parallel balls",
        notes=(("projection", "identity"),),
        check_command=CHECK,
        files=(FileDigest("network", "n.npz", "0a" * 32),),
    ),
    RowDetails("thm_4_2_iii", "Theorem 4.2(iii)"),
    RowDetails("pgd", "adversarial training", decision_rule="nearest"),
)


def run_details(name="square", rows=DETAILS, p="2"):
    corners = as_dyadic(np.array([[0, 0], [0, 2], [4, 0], [4, 2]]))
    dataset = SeparatedDataset(name, corners, np.array([1, 1, 2, 2]))
    return RunDetails.of_dataset(
        dataset,
        "cd" * 32,
        "1/2",
        p,
        seed=7,
        command="python -m pipeline dataset=square",
        date="2026-01-02",
        git_commit="abc123",
        versions=(("numpy", "2.4.6"),),
        rows=rows,
    )


def page(**changes):
    figure = figure_bytes(figure_1(bounds_table(4, 2, points=10)), "svg").decode()
    arguments = {"rows": ROWS, "figures": {"Figure 1": figure}, "details": run_details()}
    return report_page(**(arguments | changes))


class Resources(HTMLParser):
    """Collects what a browser would load and the tags that stay open."""

    def __init__(self):
        super().__init__()
        self.loaded, self.tags, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "data", "poster", "srcset"):
                self.loaded.append(value)
            if name == "id":
                self.ids.append(value)


def test_details_take_separation_and_radius_from_the_dataset():
    details = run_details()
    assert details.separation_power == 4 and details.separation == 2.0
    assert details.radius_power == 1 and details.radius == 1.0 and details.pair == (0, 2)
    assert run_details(p="inf").radius_power == 1 and run_details(p="inf").exponent == ""


def test_the_page_says_what_was_claimed_decided_and_how_to_check_it():
    text = page()
    for words in (
        "Proved for all 4 balls: f(x′) = yᵢ for every i and every x′ in the open ℓ₂ ball",
        "nothing is claimed about any ball",
        "Refuted on 1 of 4 balls",
        "|f(x′) − yᵢ| &lt; 1/2 fails in exact arithmetic. Nothing is claimed about 3 balls.",
        f"<pre>{CHECK}</pre>",
        "0a" * 32,
        "cd" * 32,
        "attained by rows 0 and 2",
        "constants omitted; it bounds the worst dataset, not this one",
        "4/4 verified",
        "1 falsified, 3 unknown",
        "VERIFIED",
        "FALSIFIED",
        "UNKNOWN",
        "2026-01-02",
        "abc123",
        "numpy 2.4.6",
        "python -m pipeline dataset=square",
    ):
        assert words in text, words


def test_the_page_loads_nothing():
    resources = Resources()
    resources.feed(page(verdicts=[BallData("pgd", error_upper=[0.1, 0.2], confidence="99 %")]))
    assert resources.loaded and all(value.startswith(("#", "data:")) for value in resources.loaded)
    assert not {"iframe", "object", "base"} & set(resources.tags)
    assert len(resources.ids) == len(set(resources.ids))
    assert "url(http" not in page() and "@import" not in page()


def test_equal_arguments_give_equal_pages():
    balls = [BallData("parallel_balls", margins=np.arange(1.0, 9.0), margin_label="slack")]
    assert page(verdicts=balls) == page(verdicts=balls)


def test_every_name_is_escaped():
    evil = '<script>alert("1")</script>&'
    rows = [replace(row, construction=evil, dataset=evil) for row in ROWS[:1]]
    details = run_details(
        evil,
        (
            RowDetails(
                evil,
                evil,
                notes=((evil, evil),),
                check_command=evil,
                files=(FileDigest(evil, evil, "0a" * 32),),
            ),
        ),
    )
    text = page(rows=rows, details=details, figures={evil: b"\x89PNG\r\n"})
    assert "<script>alert" not in text
    scripts = [attrs for tag, attrs in Elements(text).found if tag == "script"]
    assert scripts == [{"type": "application/json"}, {}]
    assert text.count("&lt;script&gt;") >= 8


def test_a_claim_is_never_stronger_than_the_counts():
    partly = replace(ROWS[0], verified=2, unknown=2)
    assert claim(partly, DETAILS[0]).startswith("Proved for 2 of 4 balls")
    assert "Nothing is claimed about 2 balls." in claim(partly, DETAILS[0])
    unchecked = replace(ROWS[0], verified=None, falsified=None, unknown=None)
    assert "not checked" in claim(unchecked, DETAILS[0])
    for row, details in zip(ROWS[1:], DETAILS[1:], strict=True):
        assert "Proved" not in claim(row, details)
    assert "ℓ∞" in claim(replace(ROWS[0], p="inf"), DETAILS[0])


BOUNDED = replace(
    ROWS[0],
    verified=1,
    falsified=2,
    unknown=1,
    claim="error",
    holds=True,
    error_bound="0.000118273645",
    error_estimate=0.02,
    error_lower=0.001,
    error_upper=0.125,
)
MEMORIZED = replace(
    ROWS[0], verified=0, falsified=4, unknown=0, claim="points", holds=True, points=4
)


def test_an_error_bound_is_told_with_its_samples_and_the_refuted_balls():
    words = claim(BOUNDED, DETAILS[0])
    assert words.startswith(
        "Proved: a uniform point of each ball is wrong with probability at most 0.000118273645"
    )
    assert "wrong at 2.00% of the samples of the worst ball" in words
    assert "limits of the error, for all balls at once: 0.001 and 0.125" in words
    assert "Proved for 1 of 4 balls" in words and "Refuted on 2 of 4 balls" in words
    assert "Proved for all" not in words
    missed = claim(replace(BOUNDED, holds=False), DETAILS[0])
    assert missed.startswith("The claimed bound on the robust memorization error was not proved.")


def test_memorized_points_do_not_look_robust():
    words = claim(MEMORIZED, DETAILS[0])
    assert words.startswith("Proved: f(xᵢ) = yᵢ at every data point")
    assert "nothing about robustness" in words and "Refuted on 4 of 4 balls" in words
    assert claim(replace(MEMORIZED, holds=False), DETAILS[0]).startswith("Not proved: f(xᵢ)")
    text = page(rows=[MEMORIZED], details=run_details(rows=DETAILS[:1]))
    assert '<span class="verdict points-only">4/4 points memorized; 4 balls falsified' in text
    text = page(rows=[BOUNDED], details=run_details(rows=DETAILS[:1]))
    assert '<span class="verdict error-bound">error &lt;= 1.2e-4 proved' in text
    for row in (BOUNDED, MEMORIZED):
        missed = page(rows=[replace(row, holds=False)], details=run_details(rows=DETAILS[:1]))
        assert '<span class="verdict falsified">' in missed


def test_measured_exponents_have_a_section_of_their_own():
    fit = Fit(3.995, 3.9, 4.1)
    found = Exponent("thm_4_2_iii", "rho", "P / <folds>", 4, ((0.5, 1.0), (0.25, 16.0)), fit)
    text = page(exponents=[found])
    for words in ("Measured exponents", "3.995", "3.900 to 4.100", "P / &lt;folds&gt;"):
        assert words in text
    assert "Measured exponents" not in page()


def test_plots_of_balls_appear_only_where_there_are_numbers():
    balls = [
        BallData("parallel_balls", margins=[1.0, 2.0], margin_label="slack"),
        BallData("pgd", margins=[], error_upper=[0.1], confidence="99 %"),
    ]
    text = page(verdicts=balls)
    assert "Verified balls by slack" in text and "confidence 99 %" in text
    # Two are the script's, of the networks.
    assert page(figures={}).count("<figure>") == 2
    assert text.count("<figure>") == 5


def test_details_and_rows_must_match():
    with pytest.raises(ValueError, match="details must describe the rows"):
        page(rows=ROWS[:2])


def test_a_figure_with_a_script_or_of_another_kind_is_refused():
    for content in ("<svg><script>1</script></svg>", '<svg onload="x()"></svg>', "hello", b"GIF89"):
        with pytest.raises(ValueError, match="a figure must be SVG text"):
            inline_figure(content, "caption", "figure-1")


def test_two_figures_on_a_page_share_no_identifier():
    svg = figure_bytes(figure_1(bounds_table(4, 2, points=10)), "svg").decode()
    first = inline_figure(svg, "a", "figure-1")
    ids = set(re.findall(r'\bid="([^"]+)"', first))
    used = set(re.findall(r"url\(#([^)]+)\)", first)) | set(re.findall(r'href="#([^"]+)"', first))
    assert used and used <= ids and all(name.startswith("figure-1") for name in ids)
    assert not ids & set(re.findall(r'\bid="([^"]+)"', inline_figure(svg, "a", "figure-2")))


def test_bad_details_are_refused():
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        FileDigest("network", "n.npz", "xyz")
    with pytest.raises(ValueError, match="decision_rule must be exact or nearest"):
        RowDetails("pgd", decision_rule="argmax")
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\)"):
        replace(run_details(), rho="1")


def test_an_exact_length_of_any_size_is_printable():
    assert exact_text(Fraction(7, 3)) == "7/3"
    assert exact_text(Fraction(1, 10**6000)).startswith("a rational of ")
