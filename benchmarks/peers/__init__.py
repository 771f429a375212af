"""The scenarios of `benchmarks.load` against any other server that speaks the Pusher protocol."""
