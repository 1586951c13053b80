"""The cases that others wrote, through the filter's own inspector."""
