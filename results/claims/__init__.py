"""The five claims under test, and how a verdict follows from the CSVs.

Read `measures` first: each claim with what is measured for it, and the threshold. `effects`
computes one number per seed from the tables. `verdicts` turns the numbers into a verdict.
"""
