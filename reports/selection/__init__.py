"""From the CSVs to what is reported: which folder, which rows, in which groups; no drawing.

Read `curves` first: rows of accuracy.csv become the table of a figure. `folder` reads the options
that all reports share and keeps settings apart, `missing` says which rows are absent, and
`captions` says what a reader has to know.
"""
