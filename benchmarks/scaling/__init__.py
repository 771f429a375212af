"""What carries 1, 10 and 100 million connections: a simulation that charges every operation with its measured cost.

Reading order: costs, workload, placement, traffic, processes, shards, simulation, plan, check, table.
"""
