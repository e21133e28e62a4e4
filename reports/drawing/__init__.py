"""How figures look, whatever they show: tables in, panels out; nothing selects or edits data.

Read `style` first: the look of every model and baseline. `frame` lays out panels, title, legend
and caption. `curves` draws the panel that all curves share, `heatmap` the panel of all maps.
seaborn draws both.
"""
