"""The admin HTTP API: models, auth, problem+json. No business rules.

Reads the reading models, acts by sending operators' messages. Start at ``app.py`` (``create_api``), ``desk.py``
(what it is given) and ``policy.py`` (who may do what).
"""
