"""One command a file; ``group.py`` lists them and imports each when it is asked for."""
