"""What can be wrong with a server, one file for each thing that is examined."""
