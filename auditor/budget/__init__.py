"""Layer 18: limits on a training, held against its audit before it runs.

Nothing here loads the graph's libraries or numpy but `assess` and `remedies`, so that a check that
knows its figures from before starts at once.
"""
