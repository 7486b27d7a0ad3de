"""A model of a job set's life, whose random histories ``test_store_model`` makes and judges.

The product's own store, worker steps, watcher and recovery act on a real server; the provider,
the broker and time are the model's.  ``fates`` says what befalls a caller between two of its
commands, ``history`` what can be done in a history, the ``…_rules`` what is done, and
``invariants`` what must hold after every step.
"""

import pytest

# Their assertions are in modules that pytest does not collect.
pytest.register_assert_rewrite(
    *(f"{__name__}.{name}_rules" for name in ("client", "worker", "watcher")),
    f"{__name__}.invariants",
)
