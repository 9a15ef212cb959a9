"""Formulas in words: plain Unicode for consoles and figures, LaTeX for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TEXT = {
    "N": "N",
    "d": "d",
    "rho": "ρ",
    "gamma": "γₚ(d)",
    "p": "p",
    "gap": "1 − ρᵖ",
    "log": "log N",
    "input": "d",
}
_LATEX = {
    "N": "N",
    "d": "d",
    "rho": r"\rho",
    "gamma": r"\gamma_p(d)",
    "p": "p",
    "gap": r"1-\rho^p",
    "log": r"\log N",
    "input": "d",
}


@dataclass(frozen=True)
class Notation:
    """How formulas are written.

    Args:
        symbols: the name of every symbol; a symbol without one is left out of products and sums.
        latex: whether the result is LaTeX for mathematical mode, otherwise Unicode text.
    """

    symbols: Mapping[str, str]
    latex: bool

    def without(self, *names: str) -> Notation:
        """Return the notation that leaves these symbols out, gamma_p(d) for p = 2, say."""
        kept = {name: word for name, word in self.symbols.items() if name not in names}
        return replace(self, symbols=kept)

    def named(self, **names: str) -> Notation:
        """Return the notation with other names of these symbols."""
        return replace(self, symbols={**self.symbols, **names})

    def symbol(self, name: str) -> str:
        """Return the name of a symbol, empty if it is left out."""
        return self.symbols.get(name, "")

    def number(self, number: Fraction) -> str:
        """Return a rational.

        >>> TEXT.number(Fraction(1, 5))
        '1/5'
        """
        if self.latex and number.denominator != 1:
            return rf"\frac{{{number.numerator}}}{{{number.denominator}}}"
        return str(number)

    def power(self, base: str, power: Fraction) -> str:
        """Return a power.

        >>> TEXT.power("d", Fraction(2)), TEXT.power("d", Fraction(1, 4)), TEXT.power("a b", 2)
        ('d²', 'd^(1/4)', '(a b)²')
        """
        if not base or power == 1:
            return base
        if power == Fraction(1, 2):
            if self.latex:
                return rf"\sqrt{{{base}}}"
            return f"√{base}" if _is_atom(base) else f"√({base})"
        inner = base if _is_atom(base) else self.bracketed(base)
        if self.latex:
            return f"{inner}^{{{power}}}"
        if Fraction(power).denominator == 1:
            return inner + str(power).translate(_RAISED)
        return f"{inner}^({power})"

    def product(self, factors: Sequence[str]) -> str:
        """Return the factors side by side, sums in brackets.

        >>> TEXT.product(["N", "", "a + b"])
        'N (a + b)'
        """
        present = [each for each in factors if each not in ("", "1")]
        inner = [self.bracketed(each) if _is_sum(each) else each for each in present]
        if len(present) == 1:
            inner = present
        return (r"\," if self.latex else " ").join(inner) or "1"

    def bracketed(self, text: str) -> str:
        """Return the text in round brackets, which grow with it in LaTeX."""
        return rf"\left({text}\right)" if self.latex else f"({text})"

    def quotient(self, above: str, below: str) -> str:
        """Return a fraction; its line is oblique in text."""
        if self.latex:
            return rf"\frac{{{above}}}{{{below}}}"
        inner = f"({below})" if any(sign in _outermost(below) for sign in " /") else below
        return f"{above}/{inner}"

    def sum(self, terms: Sequence[str]) -> str:
        """Return the terms with plus signs."""
        return " + ".join(each for each in terms if each)

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Return min{a, b} or max{a, b}."""
        if self.latex:
            return rf"\{name}\{{{', '.join(arguments)}\}}"
        return f"{name}{{{', '.join(arguments)}}}"


def _outermost(text: str) -> str:
    """Return what stands outside all brackets."""
    depth, kept = 0, []
    for sign in text:
        depth += sign in "{("
        if depth == 0:
            kept.append(sign)
        depth -= sign in "})"
    return "".join(kept)


def _is_atom(text: str) -> bool:
    """Return whether a power or a root of the text needs no brackets."""
    return not text.startswith(r"\frac") and not any(
        sign in _outermost(text) for sign in (" ", r"\,", "^", "/", "-", "−", "√")
    )


def _is_sum(text: str) -> bool:
    return any(sign in _outermost(text) for sign in (" + ", " − ", "-"))


TEXT = Notation(_TEXT, latex=False)
LATEX = Notation(_LATEX, latex=True)
