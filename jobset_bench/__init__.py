"""Jobset beside what one would write without it: plain Celery, Dask, one direct Aer call.

Every system gets the same circuits in the same chunks and must end with the same thing in
hand: the counts of every circuit, in order.  Systems run in turn within each repeat, so that a
busy machine slows them alike; ratios are formed within a repeat.
"""
