"""How the sensors of the tests wait."""

from __future__ import annotations

from typing import Any

# A deferred task that is back before the scheduler knows that it left its worker is taken for killed, a race of
# Airflow's own: intervals and timeouts leave a slow machine's scheduler the time.
MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "poke_interval": 3},
    "reschedule": {"mode": "reschedule", "poke_interval": 3},
    "deferrable": {"deferrable": True, "poke_interval": 3},
}
