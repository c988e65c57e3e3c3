"""Each promised speed beside its yardstick, in one run: ours, yardstick, ratio, promise, kept or missed.

A yardstick does the least possible with the same rows on the same server, so that the ratio says what our rules cost and a slow
machine does not matter.
"""
