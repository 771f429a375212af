"""One node: what a serving process runs. It puts the layers together, and is started, drained and embedded here.

Reading order: gateway, drain, node, embedding; then bus_factory, cluster_status, cluster_survey.
"""
