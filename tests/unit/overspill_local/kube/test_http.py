import asyncio
import io
import json

import aiohttp
import pytest

from overspill_local.kube import KubeServer, KubeStore

AUTHORIZED = {"Authorization": "Bearer good"}


def served(scenario, **options):
    """Run `scenario(session, server)` against a server on a free port."""

    async def run():
        server = KubeServer(token_is_valid=lambda token: token == "good", **options)
        port = await server.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=AUTHORIZED) as session:
                async with asyncio.timeout(20):
                    return await scenario(session, server)
        finally:
            await server.stop()

    return asyncio.run(run())


@pytest.mark.parametrize("authorization", ["", "good", "Basic good", "Bearer", "Bearer bad", "bearer good "])
def test_request_without_a_valid_token_is_unauthorized(authorization):
    async def scenario(session, _server):
        headers = {"Authorization": authorization}
        async with session.get("/api/v1/nodes", headers=headers) as response:
            return response.status, (await response.json())["reason"]

    assert served(scenario) == (401, "Unauthorized")


def test_health_is_told():
    async def scenario(session, _server):
        async with session.get("/readyz") as response:
            return response.status, await response.text()

    assert served(scenario) == (200, "ok")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", "/api/v1/pods/p", 404),
        ("GET", "/api/v1/namespaces/default/secrets/s/status", 404),
        ("POST", "/api/v1/namespaces/default/pods/p/log", 405),
        ("POST", "/api/v1/namespaces/default/configmaps/c", 405),
        ("PUT", "/api/v1/namespaces/default/configmaps", 405),
        ("POST", "/api/v1/configmaps", 405),
    ],
)
def test_path_or_method_that_does_not_exist_is_refused(method, path, code):
    async def scenario(session, _server):
        async with session.request(method, path, json={"metadata": {"name": "c"}}) as response:
            return response.status, (await response.json())["kind"]

    assert served(scenario) == (code, "Status")


def test_seeded_node_is_served():
    async def scenario(session, server):
        server.store.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
        async with session.get("/api/v1/nodes") as response:
            return [each["metadata"]["name"] for each in (await response.json())["items"]]

    assert served(scenario) == ["n"]


def test_stop_ends_watch_streams_cleanly():
    async def scenario(session, server):
        server.store.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
        async with session.get("/api/v1/nodes?watch=1") as response:
            first = json.loads(await response.content.readline())
            stopping = asyncio.ensure_future(server.stop())
            rest = await response.content.read()
            await stopping
            return first["type"], rest

    assert served(scenario) == ("ADDED", b"")


def test_watch_of_a_client_that_left_is_ended(caplog):
    async def scenario(session, _server):
        before = len(asyncio.all_tasks())
        response = await session.get("/api/v1/nodes?watch=1&resourceVersion=1")
        during = len(asyncio.all_tasks())
        response.close()
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  # nothing tells when a task of the server ends
            await asyncio.sleep(0.01)
        return during > before

    assert served(scenario)
    assert not caplog.records


def test_watch_of_a_short_journal_is_told_to_list_again():
    async def scenario(session, server):
        for index in range(5):
            server.store.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{index}"}})
        async with session.get("/api/v1/nodes?watch=1&resourceVersion=1") as response:
            return json.loads(await response.content.read())["object"]["code"]

    assert served(scenario, store=KubeStore(journal_capacity=2)) == 410


def test_body_over_the_limit_is_refused():
    async def scenario(session, _server):
        async with session.post("/api/v1/namespaces/default/configmaps", data=io.BytesIO(b"x" * (4 << 20))) as response:
            return response.status

    assert served(scenario) == 413


def test_stop_without_start_does_nothing():
    asyncio.run(KubeServer(token_is_valid=bool).stop())
