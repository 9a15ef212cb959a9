"""Sweeps: one Hydra multirun over a grid of jobs, owned by a driver that survives its jobs."""
