"""Fan-out between processes. Moves finished events, never looks inside one."""
