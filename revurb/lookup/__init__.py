"""Looks apps up where they are not configured: in a database, behind a cache.

Reading order: cached_apps, app_row, sql_apps, app_notices, sql_table, one_question, task_end.
"""
