"""The names by which supervisors of releases before `revurb.processes` start their children.

Such a supervisor keeps running while the installed package is replaced. Its next `revurb restart` then starts new
workers by these names.
"""
