"""The whole chain on one machine: embedded PostgreSQL and Valkey, a sample region, stub counterparties, and the play.

The product never imports this folder, and this folder imports nothing of the product but its pure rules: outside parties are
reached over HTTP, processes of the product are started as commands with settings in their environment.
"""
