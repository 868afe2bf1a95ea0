"""From requests to objects and from objects to what they mean: pure functions.

Imports nothing.  Must not know clocks, the environment, files, nor how words were typed.
"""
