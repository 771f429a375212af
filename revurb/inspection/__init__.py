"""What a node tells the console of itself and of all nodes: figures, channels, events, users, troubles, webhooks.

Reading order: name_filter, kept_answers; figure_history, event_tap, trouble_book, channel_scan, webhook_state;
question_types, process_answers (what one process says), process_survey, channel_view, console_desk (what all say
together).
"""

SURVEY_PREFIX = b"console"
"""With which surveys of the bus begin that are about this: it is here, so that nothing else has to be imported."""
