"""The referee: contestants play on the same rows with the same seconds and cores; every claim is a row of the book.

It does not import `autoglm`: our own system is one contestant's script among the others.
"""
