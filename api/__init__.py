"""One door: HTTP in, JSON or problem+json out.

Handlers know who is asking, open one transaction, call one verb and translate the outcome. No SQL and no rules here.
"""
