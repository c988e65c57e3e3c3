"""The second door: work that nobody waits for.

PostgreSQL holds every obligation; a hint over Redis only says "look now". A drain takes obligations by lease until none are left;
the sweeper looks by itself every few seconds, so that a lost hint costs latency and nothing else.
"""
