"""Runs the matrix: what to run, how models are trained and evaluated, where the runs execute."""
