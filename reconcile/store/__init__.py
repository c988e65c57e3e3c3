"""The store remembers: PostgreSQL holds every obligation.

The text stands in `<noun>.sql`, a function of the same name in `<noun>.py`. Nothing here decides; nothing here begins or
commits except `database.py`.
"""
