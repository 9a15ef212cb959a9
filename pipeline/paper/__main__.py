"""`python -m pipeline.paper [--full]`: print the index as a Markdown table."""

from __future__ import annotations

import sys

from pipeline.paper import markdown_table

if __name__ == "__main__":
    print(markdown_table("--full" in sys.argv[1:]))
