"""The shop: a real API on aiohttp with SQLite behind it, and the mistakes that real APIs make.

It searches by pasting text into SQL, shows any order to anybody who is logged in, takes `role` from a PATCH, believes a JWT that says `alg: none`,
and fetches any URL it is asked to. nginx stands before it; `X-Route` and `X-User` go to nginx's access log only, so that the log says which route of
the framework answered whom.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import sqlite3
import sys
import time
from typing import Any

import aiohttp
from aiohttp import web

KEY = secrets.token_bytes(32)
PARTNERS = {"pk_live_7f3ac2d19be84c05": "partner-north", "pk_live_0d9b64e1a7c3f258": "partner-south"}
DB = sqlite3.connect(":memory:")
routes = web.RouteTableDef()


def fill() -> None:
    DB.executescript(
        """create table users(id integer primary key, email text unique, password text, name text, phone text, role text default 'customer', credit real default 0);
           create table products(sku text primary key, title text, price real, stock integer, description text);
           create table orders(id integer primary key, user_id integer, sku text, quantity integer, total real, status text, address text, placed text);
           create table carts(id integer primary key, user_id integer, sku text, quantity integer);
           create table reviews(id integer primary key, sku text, user_id integer, stars integer, text text);"""
    )
    first = ["ada", "ben", "cleo", "dan", "eva", "finn", "gita", "hugo", "ines", "jon", "kim", "lea", "mallory", "nils"]
    for number, name in enumerate(first, 1):
        DB.execute(
            "insert into users(email,password,name,phone) values(?,?,?,?)",
            (f"{name}@example.com", f"{name}-pass-{number}", name.title(), f"+1-202-555-01{number:02d}"),
        )
    kinds = ["lamp", "chair", "desk", "shelf", "clock", "rug", "vase", "mirror"]
    for number in range(48):
        DB.execute(
            "insert into products values(?,?,?,?,?)",
            (f"SKU-{1000 + number * 7}", f"{kinds[number % 8].title()} no. {number}", 9.5 + number * 3, number * 5 % 40, f"A {kinds[number % 8]} that lasts. " * 2),
        )
    for number in range(160):
        DB.execute(
            "insert into orders values(?,?,?,?,?,?,?,?)",
            (7000 + number, number % 14 + 1, f"SKU-{1000 + number % 48 * 7}", number % 3 + 1, 20.0 + number, "shipped", f"{number} Mill Lane, Springfield", f"2026-0{number % 9 + 1}-11"),
        )


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issue(user: sqlite3.Row) -> str:
    body = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + b64(
        json.dumps({"sub": str(user["id"]), "role": user["role"], "iat": int(time.time()), "exp": int(time.time()) + 3600}).encode()
    )
    return body + "." + b64(hmac.digest(KEY, body.encode(), "sha256"))


def who(request: web.Request) -> dict[str, Any]:
    key = request.headers.get("X-API-Key")
    if key in PARTNERS:
        return {"sub": PARTNERS[key], "role": "partner"}
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise web.HTTPUnauthorized(text='{"error":"log in first"}', content_type="application/json")
    try:
        head, body, signature = token.split(".")
        algorithm = json.loads(unb64(head))["alg"]
        claims = json.loads(unb64(body))
        good = algorithm.lower() == "none" or hmac.compare_digest(unb64(signature), hmac.digest(KEY, f"{head}.{body}".encode(), "sha256"))
    except (ValueError, KeyError, binascii.Error):
        good = False
    if not good:
        raise web.HTTPUnauthorized(text='{"error":"bad token"}', content_type="application/json")
    request["user"] = claims["sub"]
    return claims


def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in DB.execute(sql, values)]


@web.middleware
async def name_route(request: web.Request, handler: Any) -> web.StreamResponse:
    resource = request.match_info.route.resource
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = error
    except (ValueError, KeyError, TypeError) as error:
        response = web.json_response({"error": type(error).__name__, "detail": str(error)}, status=400)
    except sqlite3.Error as error:
        response = web.json_response({"error": "database", "detail": f"sqlite3.OperationalError: {error}"}, status=500)
    if not response.prepared:
        if resource is not None:
            response.headers["X-Route"] = resource.canonical
        response.headers["X-User"] = str(request.get("user", ""))
    if isinstance(response, web.HTTPException):
        raise response
    return response


@routes.post("/api/v1/login")
async def login(request: web.Request) -> web.Response:
    asked = await request.json()
    user = DB.execute("select * from users where email=? and password=?", (asked["email"], asked["password"])).fetchone()
    if user is None:
        return web.json_response({"error": "wrong email or password"}, status=401)
    request["user"] = user["id"]
    return web.json_response({"token": issue(user), "expires_in": 3600, "user_id": user["id"]})


@routes.post("/api/v1/register")
async def register(request: web.Request) -> web.Response:
    asked = await request.json()
    try:
        cursor = DB.execute("insert into users(email,password,name) values(?,?,?)", (asked["email"], asked["password"], asked.get("name")))
    except sqlite3.IntegrityError:
        return web.json_response({"error": "email is taken"}, status=409)
    return web.json_response({"user_id": cursor.lastrowid}, status=201)


@routes.get("/api/v1/products")
async def products(request: web.Request) -> web.Response:
    wanted = request.query.get("q", "")
    page = int(request.query.get("page", "1"))
    found = rows(f"select sku,title,price,stock from products where title like '%{wanted}%' limit 6 offset {6 * (page - 1)}")
    return web.json_response({"page": page, "products": found})


@routes.get("/api/v0/products")
async def old_products(request: web.Request) -> web.Response:
    return web.json_response(rows("select sku,title,price from products limit 6"), headers={"Deprecation": "true", "Sunset": "Sat, 31 Jan 2026 00:00:00 GMT"})


@routes.get("/api/v1/products/{sku}")
async def product(request: web.Request) -> web.Response:
    found = rows("select * from products where sku=?", request.match_info["sku"])
    if not found:
        return web.json_response({"error": "no such product"}, status=404)
    tag = '"' + hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16] + '"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.json_response(found[0], headers={"ETag": tag})


@routes.get("/api/v1/products/{sku}/reviews")
async def reviews(request: web.Request) -> web.Response:
    return web.json_response({"reviews": rows("select stars,text from reviews where sku=?", request.match_info["sku"])})


@routes.post("/api/v1/products/{sku}/reviews")
async def review(request: web.Request) -> web.Response:
    user, asked = who(request), await request.json()
    DB.execute("insert into reviews(sku,user_id,stars,text) values(?,?,?,?)", (request.match_info["sku"], user["sub"], asked["stars"], asked["text"]))
    return web.json_response({"thanks": True}, status=201)


@routes.get("/api/v1/cart")
async def cart(request: web.Request) -> web.Response:
    return web.json_response({"items": rows("select id,sku,quantity from carts where user_id=?", who(request)["sub"])})


@routes.post("/api/v1/cart/items")
async def add_item(request: web.Request) -> web.Response:
    user, asked = who(request), await request.json()
    cursor = DB.execute("insert into carts(user_id,sku,quantity) values(?,?,?)", (user["sub"], asked["sku"], int(asked["quantity"])))
    return web.json_response({"item_id": cursor.lastrowid}, status=201)


@routes.delete("/api/v1/cart/items/{item_id}")
async def drop_item(request: web.Request) -> web.Response:
    DB.execute("delete from carts where id=? and user_id=?", (request.match_info["item_id"], who(request)["sub"]))
    return web.Response(status=204)


@routes.get("/api/v1/orders")
async def orders(request: web.Request) -> web.Response:
    return web.json_response({"orders": rows("select id,sku,total,status from orders where user_id=? order by id desc limit 5", who(request)["sub"])})


@routes.post("/api/v1/orders")
async def place(request: web.Request) -> web.Response:
    user, asked = who(request), await request.json()
    found = rows("select price from products where sku=?", asked["sku"])
    if not found:
        return web.json_response({"error": "no such product"}, status=422)
    total = found[0]["price"] * asked["quantity"]
    cursor = DB.execute(
        "insert into orders(user_id,sku,quantity,total,status,address,placed) values(?,?,?,?,'paid',?,date())",
        (user["sub"], asked["sku"], asked["quantity"], total, asked.get("address")),
    )
    return web.json_response({"order_id": cursor.lastrowid, "total": total}, status=201, headers={"Location": f"/api/v1/orders/{cursor.lastrowid}"})


@routes.get("/api/v1/orders/{order_id}")
async def order(request: web.Request) -> web.Response:
    who(request)  # whose order it is, nobody asks: broken object level authorisation
    found = rows("select o.*, u.name, u.email, u.phone from orders o join users u on u.id=o.user_id where o.id=?", int(request.match_info["order_id"]))
    return web.json_response(found[0]) if found else web.json_response({"error": "no such order"}, status=404)


@routes.get("/api/v1/orders/{order_id}/invoice")
async def invoice(request: web.Request) -> web.StreamResponse:
    user = who(request)
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8", "X-Route": "/api/v1/orders/{order_id}/invoice", "X-User": str(user["sub"])})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for row in rows("select * from orders where id=?", int(request.match_info["order_id"])):
        for name, value in row.items():
            await response.write(f"{name}: {value}\n".encode())
    await response.write_eof()
    return response


@routes.get("/api/v1/users/me")
async def me(request: web.Request) -> web.Response:
    found = rows("select id,email,name,phone,role,credit from users where id=?", who(request)["sub"])
    return web.json_response(found[0]) if found else web.json_response({"error": "no such user"}, status=404)


@routes.patch("/api/v1/users/me")
async def change_me(request: web.Request) -> web.Response:
    user, asked = who(request), await request.json()
    for name, value in asked.items():  # every column, role and credit too: mass assignment
        if name in {"name", "phone", "email", "role", "credit"}:
            DB.execute(f"update users set {name}=? where id=?", (value, user["sub"]))
    return web.json_response(rows("select id,email,name,phone,role,credit from users where id=?", user["sub"])[0])


@routes.get("/api/v1/users/{user_id}")
async def one_user(request: web.Request) -> web.Response:
    if who(request)["role"] != "admin":
        return web.json_response({"error": "admins only"}, status=403)
    found = rows("select id,email,name,phone,role,credit from users where id=?", int(request.match_info["user_id"]))
    return web.json_response(found[0]) if found else web.json_response({"error": "no such user"}, status=404)


@routes.put("/api/v1/users/me/avatar")
async def avatar(request: web.Request) -> web.Response:
    who(request)
    octets = await request.read()
    return web.json_response({"bytes": len(octets), "sha256": hashlib.sha256(octets).hexdigest()})


@routes.post("/api/v1/webhooks/test")
async def webhook(request: web.Request) -> web.Response:
    who(request)
    url = (await request.json())["url"]
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as session, session.get(url) as answer:
            return web.json_response({"status": answer.status, "body": (await answer.text())[:600]})
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return web.json_response({"error": "cannot reach it", "detail": str(error)[:120]}, status=502)


@routes.get("/api/v1/reports/sales")
async def sales(request: web.Request) -> web.Response:
    if who(request)["role"] not in {"partner", "admin"}:
        return web.json_response({"error": "partners only"}, status=403)
    limit = min(int(request.query.get("limit", "5")), 500)
    return web.json_response({"rows": rows("select o.id,o.sku,o.total,o.placed,o.address,u.email,u.phone from orders o join users u on u.id=o.user_id limit ?", limit)})


@routes.get("/internal/debug/vars")
async def debug(request: web.Request) -> web.Response:
    return web.json_response({"orders": rows("select count(*) n from orders")[0]["n"], "pool": 4, "build": "2026.11.2", "db_dsn": "sqlite://:memory:"})


@routes.get("/healthz")
async def health(request: web.Request) -> web.Response:
    return web.json_response({"ok": True})


async def metadata(_: web.Request) -> web.Response:
    return web.json_response({"Code": "Success", "AccessKeyId": "ASIAEXAMPLE0000LAB", "SecretAccessKey": "lab/only/not/a/secret", "Token": "lab"})


def main() -> None:
    DB.row_factory = sqlite3.Row
    fill()
    app = web.Application(middlewares=[name_route], client_max_size=1 << 20)
    app.add_routes(routes)
    other = web.Application()
    other.router.add_get("/{rest:.*}", metadata)

    async def serve() -> None:
        for application, address, port in ((app, "127.0.0.1", 9000), (other, "169.254.169.254", 80)):
            runner = web.AppRunner(application, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, address, port).start()

    import asyncio

    loop = asyncio.new_event_loop()
    loop.run_until_complete(serve())
    loop.run_forever()


if __name__ == "__main__":
    sys.exit(main())
