"""Tests of the training folder: `python -m unittest discover -s tests -t .` in models/training."""
