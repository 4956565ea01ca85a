"""Figures with their references, measured in the same run: `python -m benchmarks.NAME`; one JSON line each."""
