"""A generator of load that measures a user's own server, and says when it was the limit itself.

Begin with `bench_run.py`: the scenarios, one after the other. `bench_client.py` and `bench_publisher.py` are what they
are made of; `generator_watch.py` and `bench_row.py` decide what a figure is worth; `bench_report.py` and
`bench_plot.py` show it.
"""
