"""The hook's two halves behind one face."""

from __future__ import annotations

import asyncio

from airflow_provider_integrator.hooks.integrator import IntegratorHook


class Sync:
    """Calls the hook's synchronous methods."""

    def __init__(self):
        self.hook = IntegratorHook()

    def __call__(self, name, *arguments, **options):
        with self.hook:
            result = getattr(self.hook, name)(*arguments, **options)
            return list(result) if name == "list_logs" else result


class Async:
    """Calls their asynchronous twins."""

    def __call__(self, name, *arguments, **options):
        async def call():
            async with IntegratorHook() as hook:
                result = getattr(hook, f"a{name}")(*arguments, **options)
                if name == "list_logs":
                    return [log async for log in result]
                return await result

        return asyncio.run(call())
