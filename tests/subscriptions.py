"""Channels of Subscriptions as tests need them."""

from pathways.subscriptions import Channel, ChannelType, Content


def channel(
    endpoint: str | None, content: Content = Content.EMPTY, headers: tuple[str, ...] = ()
) -> Channel:
    """A rest-hook that calls the endpoint, or a websocket where there is none; all else is left to us."""
    return Channel(
        type=ChannelType.REST_HOOK if endpoint else ChannelType.WEBSOCKET,
        endpoint=endpoint,
        headers=headers,
        media_type="application/fhir+json",
        content=content,
        heartbeat=None,
        timeout=None,
        max_count=None,
    )
