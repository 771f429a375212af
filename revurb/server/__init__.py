"""Former names of processes, by which a supervisor of an older release starts its children.

Such a supervisor runs on while the package is replaced below it, and its next `revurb restart` starts new workers by
these names.
"""
