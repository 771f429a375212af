"""What one peer costs the others: how long they wait beside floods, large fan-outs and large answers."""
