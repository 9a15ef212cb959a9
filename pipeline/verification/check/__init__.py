"""The independent checker: dataset + network + certificate -> verdict, all of it proved.

It imports nothing else from this project, only the standard library, NumPy and python-flint (SciPy
for more than 50,000 points), and has its own readers. It derives the radius from the dataset and
rho itself, confirms from the actual weights that each gadget is what the certificate says it is,
and applies the gadget's lemma, in exact arithmetic. For networks of any origin it re-checks proofs
by bounds and splits, exactly or in floats with a bound on every rounding error, and witnesses.
Run it as `python -m pipeline.verification.check DATASET NETWORK CERTIFICATE`; the last may also be
a file of proofs.
"""
