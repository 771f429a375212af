"""Pages that come back again and again: what they run, what is between them and the nodes, and what befalls both."""
