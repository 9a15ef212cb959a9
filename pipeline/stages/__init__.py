"""The five stages, each a file in, files out; `job` runs them in order and tracks the run."""
