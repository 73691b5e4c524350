"""What Crossdock says about itself: metrics, spans, logs. Names are a contract: ``catalogue.py`` lists them all.

Nothing here decides anything, and nothing breaks when telemetry's receiver is away. Start at ``signals.py``.
"""
