"""Complete verification by splits: search, its leaves as proofs, and all balls on all cores."""
