"""Rules decide: values in, values out.

Nothing here knows a clock, a file, a database or a framework, so that every decision can be read, tested and repeated
years later. Months are text ``YYYY-MM``, hours are whole hundredths, money is whole cents.
"""
