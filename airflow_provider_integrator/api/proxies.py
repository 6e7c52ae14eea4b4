"""The proxy of the environment variables, by the rules of requests for both transports."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_integrator.exceptions import ConfigurationError

HTTP_PROXIES = ("http", "https")
SOCKS_PROXIES = ("socks4", "socks4a", "socks5", "socks5h")


def environment_proxy(base_url: str, schemes: tuple[str, ...] = HTTP_PROXIES) -> str | None:
    """Find the proxy for a server in the environment variables.

    aiohttp's ``trust_env`` reads .netrc for every request, and rejects a request that has a token as well.

    :param base_url: The server.
    :param schemes: The kinds of proxies that the transport knows.
    :return: The proxy's URL; None if none is set.
    :raises ConfigurationError: The proxy's URL is malformed, or of another kind.
    """
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(base_url, get_environ_proxies(base_url))
    if not proxy:
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(url)
        is_usable = (
            parts.scheme.lower() in schemes
            and bool(parts.hostname)
            and parts.port != 0
            # Else a / ? or # of the password, which should be percent-encoded, has ended the host.
            and not any("@" in part for part in (parts.path, parts.query, parts.fragment))
        )
    except ValueError:
        is_usable = False
    if not is_usable:
        # The message doesn't show it: in a malformed URL, a password may stand anywhere.
        raise ConfigurationError(
            "The proxy in the environment can't be used; correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY to a URL such "
            f"as http://proxy.example.com:3128 ({', '.join(schemes)}), with its password percent-encoded."
        )
    return url
