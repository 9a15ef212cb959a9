"""Tables behind the paper's figures, computed from data, gadgets and built networks."""
