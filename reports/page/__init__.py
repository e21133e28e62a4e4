"""report.html: one file that explains a results folder, without a network.

Read `__main__.py` first: the command. `material.py` picks the tables, `story.py` says their
findings in sentences, and `sections.py` makes of them what `report.html.j2` lays out. `charts.py`
draws, `colours.py` keeps contrast. `report.css`, `chart.css` and `report.js` go into the file.
"""
