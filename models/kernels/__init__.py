"""The loops that are written in C, and how they are called. Each process compiles them for itself.

Read `lstm.c` first: an LSTM that looks its inputs up. `additive.c` has the sums of additive
attention. `library.py` compiles both in a moment, and says so if it cannot.
"""
