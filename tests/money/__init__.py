"""The totals proof over as many orders as one likes: ``make money ARGS="--orders 100000"``."""
