"""The modules by which supervisors of before the move to `revurb.processes` start their children.

Such a supervisor runs on while the package is replaced below it, and its next `revurb restart` starts new workers by
these names.
"""
