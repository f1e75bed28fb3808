"""The live view's page: who is let in, and what they are sent."""

import asyncio
import http.client
import json
from contextlib import asynccontextmanager, closing

import networkx as nx
import pytest
from tools import PATIENCE, eventually

pytest.importorskip("tornado", reason="the page is served by tornado")

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from p2pkit import LocalNetwork, SimNetwork
from p2pkit.errors import TraceError
from p2pkit.live import page as page_module
from p2pkit.live.page import Page, open_browser
from p2pkit.protocols.flood import Flood, Rumor


@pytest.fixture
def net():
    with LocalNetwork(Flood, nx.cycle_graph(5)) as net:
        yield net


@pytest.fixture
def page(net):
    with Page(net) as page:
        yield page


def get(page, path=None, **headers):
    with closing(
        http.client.HTTPConnection("127.0.0.1", page.port, timeout=PATIENCE)
    ) as connection:
        connection.request("GET", f"/{page.token}/" if path is None else path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


@asynccontextmanager
async def watch(page, origin=None, path=None, host=None):
    url = f"ws://127.0.0.1:{page.port}{path or f'/{page.token}/feed'}"
    headers = {"Origin": origin or f"http://127.0.0.1:{page.port}"}
    if host:
        headers["Host"] = host
    viewer = await websocket_connect(HTTPRequest(url, headers=headers, request_timeout=PATIENCE))
    try:
        yield viewer
    finally:
        if viewer.protocol is not None:
            stream = viewer.protocol.stream
            viewer.close()
            stream.close()


async def refused(page, **options):
    """Return the status with which a viewer is refused."""
    with pytest.raises(HTTPClientError) as caught:
        async with watch(page, **options):
            pass
    return caught.value.code


async def hear(viewer, kind):
    """Return the next message of a kind."""
    while True:
        text = await asyncio.wait_for(viewer.read_message(), PATIENCE)
        assert text is not None, "the page has hung up"
        message = json.loads(text)
        if message["type"] == kind:
            return message


async def say(viewer, **wish):
    await viewer.write_message(json.dumps(wish))


# Who is let in


def test_the_page_is_for_those_who_know_its_address(page):
    status, headers, text = get(page)
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "LocalNetwork of Flood" in text
    assert page.token not in text


@pytest.mark.parametrize("path", ["/", "/feed", "/wrong/", "/../", "/%2e%2e/", "//"])
def test_without_the_token_there_is_nothing(page, path):
    status, _, text = get(page, path)
    assert status == 404
    assert "Flood" not in text


def test_two_pages_have_two_tokens_and_long_ones(net):
    with Page(net) as one, Page(net) as other:
        assert one.token != other.token
        assert len(one.token) >= 20


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80"])
def test_another_name_for_this_host_is_refused(page, host):
    """DNS rebinding: somebody's own name has been made to point here."""
    assert get(page, Host=host)[0] == 403
    assert asyncio.run(refused(page, host=host)) == 403


def test_localhost_is_a_name_for_this_host(page):
    assert get(page, Host=f"localhost:{page.port}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_page_from_elsewhere_cannot_connect(page, origin):
    assert asyncio.run(refused(page, origin=origin)) == 403


def test_it_listens_on_this_machine_only(page):
    assert [where.getsockname()[0] for where in page._sockets] == ["127.0.0.1"]


def test_only_so_many_watch_at_once(page, monkeypatch):
    monkeypatch.setattr(page_module, "MAX_VIEWERS", 2)

    async def crowd():
        async with watch(page):
            async with watch(page):
                assert await refused(page) == 403
            await asyncio.to_thread(eventually, lambda: len(page.viewers) == 1)
            async with watch(page):
                pass

    asyncio.run(crowd())


# What they are sent


def test_a_viewer_sees_what_happens_and_acts_on_it(page, net):
    async def visit():
        async with watch(page) as viewer:
            await say(viewer, type="ready")
            stage = await hear(viewer, "stage")
            assert [node[0] for node in stage["nodes"]] == net.names
            assert "crash" in stage["verbs"]
            await say(
                viewer, type="do", verb="tell", nodes=["n0"], kind="Rumor", fields={"text": "hi"}
            )
            assert (await hear(viewer, "said"))["text"] == "n0 is told Rumor(text='hi')"
            events = []
            while sum(event[1] == "s" for event in events) < 2 * 5 - 5 + 1:
                events += (await hear(viewer, "events"))["events"]
            await say(viewer, type="do", verb="crash", nodes=["n3"])
            while not any(event[1:] == ["-", 3, "crash"] for event in events):
                events += (await hear(viewer, "events"))["events"]

    asyncio.run(visit())
    assert not net.is_up("n3")
    assert page.watched.is_set()


def test_when_the_network_closes_the_viewer_is_told_and_can_begin_again():
    with LocalNetwork(Flood, 3) as net:
        page = Page(net)

    async def visit():
        async with watch(page) as viewer:
            await say(viewer, type="ready")
            stage = await hear(viewer, "stage")
            assert (stage["mode"], stage.get("verbs", [])) == ("replay", [])

    with page:
        asyncio.run(visit())


@pytest.mark.parametrize("wish", ["", "{", "[]", "null", '"x"', '{"type": 5}', "[" * 30_000])
def test_nonsense_from_a_viewer_disturbs_nobody(page, net, wish):
    async def visit():
        async with watch(page) as viewer:
            await viewer.write_message(wish)
            await say(viewer, type="ready")
            await hear(viewer, "stage")

    asyncio.run(visit())
    net.run(0.01)


def test_a_huge_wish_ends_only_its_own_connection(page, net):
    async def visit():
        async with watch(page) as viewer:
            await viewer.write_message("x" * (page_module.MAX_WISH + 1))
            assert await asyncio.wait_for(viewer.read_message(), PATIENCE) is None
        async with watch(page) as other:
            await say(other, type="ready")
            await hear(other, "stage")

    asyncio.run(visit())
    net.run(0.01)


def test_a_trace_is_replayed_on_a_page_without_verbs():
    with SimNetwork(Flood, 3) as net:
        net.tell("n0", Rumor("hello"))
        net.run(1.0)

    async def visit():
        async with watch(page) as viewer:
            await say(viewer, type="ready")
            await say(viewer, type="do", verb="crash", nodes=["n0"])
            assert not (await hear(viewer, "stage")).get("verbs")
            assert len((await hear(viewer, "events"))["events"]) == len(net.trace)

    with Page(net.trace) as page:
        asyncio.run(visit())


def test_what_cannot_be_shown_is_said_at_once(nothing_left):
    with (
        SimNetwork(Flood, 3, record="counts") as net,
        pytest.raises(TraceError, match="only counts"),
    ):
        Page(net)


def test_a_page_leaves_nothing_behind(nothing_left):
    with LocalNetwork(Flood, 3) as net, Page(net) as page:
        get(page)

        async def visit():
            async with watch(page) as viewer:
                await say(viewer, type="ready")
                await hear(viewer, "stage")

        asyncio.run(visit())
    page.close()  # once more does nothing


def test_without_a_screen_no_browser_is_opened(monkeypatch):
    opened = []
    monkeypatch.setattr(page_module.webbrowser, "open", lambda url: opened.append(url) or True)
    monkeypatch.setattr(page_module.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not open_browser("http://127.0.0.1:1/x/")
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert open_browser("http://127.0.0.1:1/x/")
    assert opened == ["http://127.0.0.1:1/x/"]
