"""What the Python tests share: a fake MTA, two real ones, and talks."""
