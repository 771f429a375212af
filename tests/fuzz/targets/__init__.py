"""One module per target. `check(data)` takes what the fuzzer made, and raises only where Revurb is wrong."""
