"""Verdicts on balls: attacks, sampling, bounds; `check/` is the independent checker."""
