"""One file per verb of the `revurb` command."""
