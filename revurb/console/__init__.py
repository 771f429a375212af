"""The admin listener: metrics and the state of a server for those who run it, apart from what serves clients."""
