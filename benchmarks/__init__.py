"""Measurements of speed; see README.md. A package, so that `benchmarks.train` and `pages/train.py` are two modules."""
