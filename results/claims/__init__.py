"""The five claims under test, and how a verdict follows from the CSVs.

Read `measures` first: each claim, where it is tested, and what is measured. `evidence` picks the
rows, `effects` computes one number per seed, `verdicts` holds the numbers against two lines.
"""
