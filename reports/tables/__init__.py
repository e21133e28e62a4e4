"""Tables in Markdown for the README, and the lines that `reports.claims` prints.

Read `claims` first: it judges a results folder by every measure. `lengths` shows how far each model
gets. `models` has all models of a folder, and `failing` how each fails.
"""
