"""The reports, from the CSVs alone: `figures.py`, `examples.py`, `claims.py` and `readme.py`.

Read `figures.py` first. It picks rows (`selection/`), and each module of `plots/` draws one family
of figures with the marks and axes of `drawing/`. `tables/` has the tables of the README.
Nothing here imports torch.
"""
