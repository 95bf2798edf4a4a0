"""The shop's customers, partners and monitors: real clients with think time, each from an address of its own.

usage: shop_users.py SECONDS SEED
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import requests
from requests.adapters import HTTPAdapter

SHOP = "http://api.shop.example"
HERE = Path(__file__).resolve().parent


class FromAddress(HTTPAdapter):
    """requests, bound to one source address."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **settings)


def account(name: str, number: int) -> dict[str, str]:
    return {"email": f"{name}@example.com", "password": f"{name}-pass-{number}"}


def errand(call: Any, name: str, number: int, until: float, dice: random.Random) -> None:
    """One customer's visit: log in, look around, fill the cart, order, look at the own orders."""

    def pause(most: float = 1.6) -> None:
        time.sleep(dice.uniform(0.3, 1.9 * most))

    if dice.random() < 0.2:
        call("POST", "/api/v1/login", json={**account(name, number), "password": "Oops, wrong"})
        pause(0.9)
    token = call("POST", "/api/v1/login", json=account(name, number))["token"]
    seal = {"Authorization": f"Bearer {token}"}
    call("GET", "/api/v1/users/me", headers=seal)
    own: list[int] = []
    while time.time() < until:
        pause()
        page = call("GET", "/api/v1/products", params={"page": dice.randint(1, 6), **({"q": dice.choice(["lamp", "chair", "no. 1", "desk's"[:4]])} if dice.random() < 0.4 else {})})
        skus = [one["sku"] for one in page["products"]] or ["SKU-1000"]
        for sku in dice.sample(skus, min(len(skus), 2)):
            pause(1.0)
            call("GET", f"/api/v1/products/{sku}")
            if dice.random() < 0.4:
                call("GET", f"/api/v1/products/{sku}/reviews")
        what = dice.random()
        if what < 0.45:
            item = call("POST", "/api/v1/cart/items", headers=seal, json={"sku": skus[0], "quantity": dice.randint(1, 3)})
            pause(0.8)
            call("GET", "/api/v1/cart", headers=seal)
            if dice.random() < 0.3:
                call("DELETE", f"/api/v1/cart/items/{item['item_id']}", headers=seal)
            pause(0.8)
            placed = call("POST", "/api/v1/orders", headers=seal, json={"sku": skus[0], "quantity": dice.randint(1, 3), "address": f"{dice.randint(1, 99)} Mill Lane, Springfield"})
            own.append(placed["order_id"])
            call("GET", f"/api/v1/orders/{own[-1]}", headers=seal)
        elif what < 0.65:
            for one in call("GET", "/api/v1/orders", headers=seal)["orders"][:1]:
                pause(0.6)
                call("GET", f"/api/v1/orders/{one['id']}", headers=seal)
                call("GET", f"/api/v1/orders/{one['id']}/invoice", headers=seal)
        elif what < 0.8:
            call("POST", f"/api/v1/products/{skus[-1]}/reviews", headers=seal, json={"stars": dice.randint(2, 5), "text": dice.choice(["Nice.", "It's fine; I'd select it again.", "Löwe & Söhne make better ones", "5 > 4 stars"])})
        elif what < 0.9:
            call("PATCH", "/api/v1/users/me", headers=seal, json={"phone": f"+1-202-555-0{dice.randint(100, 199)}"})


def with_requests(address: str, name: str, number: int, until: float, dice: random.Random) -> None:
    session = requests.Session()
    session.mount("http://", FromAddress(address))

    def call(method: str, path: str, **settings: Any) -> Any:
        answer = session.request(method, SHOP + path, timeout=20, **settings)
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text

    errand(call, name, number, until, dice)


def with_httpx(address: str, name: str, number: int, until: float, dice: random.Random) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), base_url=SHOP, timeout=20) as session:

        def call(method: str, path: str, **settings: Any) -> Any:
            answer = session.request(method, path, **settings)
            return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text

        errand(call, name, number, until, dice)


def with_curl(address: str, name: str, number: int, until: float, dice: random.Random) -> None:
    """A connection a call, as shell scripts do."""

    def call(method: str, path: str, headers: dict[str, str] | None = None, json: Any = None, params: dict[str, Any] | None = None) -> Any:
        command = ["curl", "-s", "--compressed", "--interface", address, "-X", method, SHOP + path]
        for field, value in (headers or {}).items():
            command += ["-H", f"{field}: {value}"]
        if json is not None:
            command += ["-H", "Content-Type: application/json", "--data-raw", dumps(json)]
        if params:
            command.append("-G")
            for field, value in params.items():
                command += ["--data-urlencode", f"{field}={value}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return loads(said) if said.startswith(("{", "[")) else said

    errand(call, name, number, until, dice)


dumps, loads = json.dumps, json.loads


async def app_user(address: str, name: str, number: int, until: float, dice: random.Random) -> None:
    """A phone app: several connections at once, chunked upload of a picture, revalidation with ETags."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=3)
    async with aiohttp.ClientSession(SHOP, connector=connector, headers={"User-Agent": "ShopApp/4.2 (Android 15)"}) as session:
        async with session.post("/api/v1/login", json=account(name, number)) as answer:
            seal = {"Authorization": "Bearer " + (await answer.json())["token"]}

        async def get(path: str, **more: str) -> tuple[int, str | None]:
            async with session.get(path, headers={**seal, **more}) as answer:
                await answer.read()
                return answer.status, answer.headers.get("ETag")

        async def picture() -> Any:
            for _ in range(dice.randint(2, 5)):
                yield os.urandom(dice.randint(300, 1800))
                await asyncio.sleep(0.01)

        while time.time() < until:
            await asyncio.gather(get("/api/v1/products"), get("/api/v1/cart"), get("/api/v1/users/me"))
            sku = f"SKU-{1000 + dice.randrange(48) * 7}"
            _, tag = await get(f"/api/v1/products/{sku}")
            await asyncio.sleep(dice.uniform(0.8, 3.0))
            await get(f"/api/v1/products/{sku}", **{"If-None-Match": tag or ""})
            if dice.random() < 0.12:
                async with session.put("/api/v1/users/me/avatar", data=picture(), headers={**seal, "Content-Type": "image/png"}) as answer:
                    await answer.read()
            await asyncio.sleep(dice.uniform(1.5, 4.5))


def partner(address: str, key: str, until: float, dice: random.Random) -> None:
    """A partner's nightly job: sales rows by key, a few at a time; still asks the old version of the catalogue now and then."""
    session = requests.Session()
    session.headers["X-API-Key"] = key
    session.headers["User-Agent"] = "north-sync/1.9"
    session.mount("http://", FromAddress(address))
    while time.time() < until:
        session.get(f"{SHOP}/api/v1/reports/sales", params={"limit": dice.choice([5, 10])}, timeout=20)
        time.sleep(dice.uniform(1.5, 4))
        if dice.random() < 0.3:
            session.get(f"{SHOP}/api/v0/products", timeout=20)


def monitor(address: str, until: float) -> None:
    """Looks at the health every few seconds, and at a debugging page that no document declares."""
    session = requests.Session()
    session.headers["User-Agent"] = "uptime/2.1"
    session.mount("http://", FromAddress(address))
    while time.time() < until:
        session.get(f"{SHOP}/healthz", timeout=20)
        session.get(f"{SHOP}/internal/debug/vars", timeout=20)
        time.sleep(4)


def main() -> None:
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    until = time.time() + seconds
    names = ["ada", "ben", "cleo", "dan", "eva", "finn", "gita", "hugo"]
    workers: list[threading.Thread] = []

    def begin(what: Any, *arguments: Any) -> None:
        workers.append(threading.Thread(target=what, args=arguments))
        workers[-1].start()

    for number, name in enumerate(names, 1):
        dice = random.Random(f"{seed}/{name}")
        visit = [with_requests, with_httpx, with_curl][number % 3]
        if number <= 6:
            begin(visit, f"10.20.1.{number}", name, number, until, dice)
        else:
            begin(lambda *a: asyncio.run(app_user(*a)), f"10.20.1.{number}", name, number, until, dice)
        time.sleep(0.3)
    begin(partner, "10.20.2.1", "pk_live_7f3ac2d19be84c05", until, random.Random(f"{seed}/north"))
    begin(monitor, "10.20.3.1", until)
    node = subprocess.Popen(["node", str(HERE / "shop_node.mjs"), SHOP, str(seconds - 2), "12", "lea"])
    # A load check with wrk: pipelined requests on two connections, a second long; its Lua makes it stop after a few.
    subprocess.run(["wrk", "-t", "1", "-c", "1", "-d", "1s", "-s", str(HERE / "pipeline.lua"), SHOP + "/"], check=True, stdout=subprocess.DEVNULL)
    for worker in workers:
        worker.join()
    node.wait()


if __name__ == "__main__":
    main()
