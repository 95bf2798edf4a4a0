"""The endpoint map: what it decides on the paths that are hard, whatever the order of the calls."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.catalogue import Catalogue, CatalogueLimits

WORD = pa.dictionary(pa.int32(), pa.string())


def batch(calls: list[tuple[str, str, int | None]], host: str | None = "api.example", client: str = "10.0.0.1") -> pa.RecordBatch:
    """Calls of (method, path, status) as the columns the map reads."""
    n = len(calls)
    word = lambda values: pa.array(values, pa.string()).dictionary_encode().cast(WORD)  # noqa: E731
    return pa.record_batch(
        {
            "ts": pa.array(range(1, n + 1), pa.int64()),
            "client_ip": word([client] * n),
            "server_ip": word(["10.2.0.1"] * n),
            "server_port": pa.array([8080] * n, pa.int32()),
            "method": word([call[0] for call in calls]),
            "host": word([host] * n),
            "path": pa.array([call[1] for call in calls], pa.string()),
            "status": pa.array([call[2] for call in calls], pa.int32()),
        }
    )


def mapped(calls: list[tuple[str, str, int | None]], limits: CatalogueLimits | None = None) -> Catalogue:
    catalogue = Catalogue(limits)
    catalogue.observe(batch(calls))
    catalogue.finish()
    return catalogue


def templates(paths: list[str], status: int | None = 200) -> list[str]:
    return [one.template for one in mapped([("GET", path, status) for path in paths]).endpoints()]


def test_numbers_after_a_collection_are_one_parameter() -> None:
    assert templates([f"/api/v1/users/{n}" for n in range(40)]) == ["/api/v1/users/{user_id}"]


def test_a_name_beside_ids_keeps_its_own_endpoint() -> None:
    paths = [f"/users/{n}" for n in range(40)] + ["/users/me", "/users/me"]
    assert templates(paths) == ["/users/me", "/users/{user_id}"]


def test_a_suffix_stays_outside_the_parameter() -> None:
    assert templates([f"/orders/{n}.json" for n in range(9)]) == ["/orders/{order_id}.json"]
    assert templates([f"/orders/{n}:cancel" for n in range(9)]) == ["/orders/{order_id}:cancel"]
    assert templates([f"/odata/Orders({n})" for n in range(9)]) == ["/odata/Orders({Order_id})"]


def test_version_segments_are_literals() -> None:
    paths = [f"/2.0/files/{n}" for n in range(9)] + [f"/2010-04-01/Accounts/{n}" for n in range(9)] + ["/2010-04-01/Tokens"]
    assert templates(paths) == ["/2.0/files/{file_id}", "/2010-04-01/Accounts/{Account_id}", "/2010-04-01/Tokens"]


def test_calls_answered_404_make_no_endpoint_but_count_with_one() -> None:
    catalogue = mapped([("GET", "/users/1", 200), ("GET", "/users/2", 404), ("GET", "/.env", 404), ("GET", "/wp-login.php", 404)])
    (endpoint,) = catalogue.endpoints()
    assert endpoint.statuses == {200: 1, 404: 1}
    assert sorted(one.template for one in catalogue.probed()) == ["/.env", "/wp-login.php"]


def test_a_label_is_null_where_there_is_no_endpoint() -> None:
    calls: list[tuple[str, str, int | None]] = [("GET", "/users/1", 200), ("GET", "/users/2", 404), ("GET", "/.env", 404), ("OPTIONS", "*", 200)]
    catalogue = mapped(calls)
    assert catalogue.label(batch(calls))[0].to_pylist() == ["/users/{user_id}", "/users/{user_id}", None, None]


def test_unanswered_calls_are_proof_on_a_mirror_that_shows_no_answers() -> None:
    assert templates([f"/users/{n}" for n in range(20)], status=None) == ["/users/{user_id}"]


def test_a_flood_of_random_paths_leaves_the_real_map_whole() -> None:
    noise = random.Random(1)
    junk = ["/" + "".join(noise.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(20_000)]
    calls: list[tuple[str, str, int | None]] = [("GET", path, 200) for path in junk]
    for n in range(200):
        calls.insert(noise.randrange(len(calls)), ("GET", f"/api/users/{n}", 200))
    catalogue = mapped(calls)
    found = {one.template: one.calls for one in catalogue.endpoints()}
    assert found["/api/users/{user_id}"] >= 190
    assert catalogue.counters()["nodes"] < 20_000


def test_memory_stays_bounded_whatever_the_paths() -> None:
    noise = random.Random(2)
    limits = CatalogueLimits(nodes=2_000, words=200)
    catalogue = Catalogue(limits)
    for _ in range(10):
        calls: list[tuple[str, str, int | None]] = [
            ("GET", "/" + "/".join("".join(noise.choices("abcdefgh0123", k=noise.randrange(1, 9))) for _ in range(noise.randrange(1, 7))), 200)
            for _ in range(2_000)
        ]
        catalogue.observe(batch(calls))
    assert catalogue.counters()["nodes"] <= 2_600
    assert catalogue.counters()["paths_past_node_limit"] > 0


SEGMENTS = st.sampled_from(["users", "orders", "me", "v1", "7", "12", "993", "gold-25", "gold", "a1b2c3d4e5", "x.json", "5.json", ""])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SEGMENTS, min_size=1, max_size=4), min_size=1, max_size=80), st.randoms(use_true_random=False))
def test_the_map_is_the_same_for_any_order_of_the_calls(paths: list[list[str]], order: random.Random) -> None:
    calls: list[tuple[str, str, int | None]] = [("GET", "/" + "/".join(parts), 200) for parts in paths]
    first = mapped(calls)
    order.shuffle(calls)
    second = mapped(calls)
    assert [(one.name, one.calls, one.statuses) for one in first.endpoints()] == [(one.name, one.calls, one.statuses) for one in second.endpoints()]
    assert first.label(batch(calls))[0].to_pylist() == second.label(batch(calls))[0].to_pylist()


def test_names_of_accounts_and_documents_are_values() -> None:
    people = ["amelia", "bruno", "chandra", "dmitri", "esteban", "farah", "greta", "hiroshi", "ingrid", "jonas", "katya", "lorenzo"]
    things = ["garden", "kettle", "lantern", "marble"]
    calls = [f"/repos/{one}/{thing}/{what}" for one in people for thing in things for what in ("issues", "pulls", "commits")]
    calls += [f"/files/{one}.{kind}" for one in people for kind in ("pdf", "png")]
    calls += ["/gists/public"] * 3 + [f"/gists/{n:040x}" for n in range(1, 4 * 10**37, 10**36)]
    found = templates(calls)
    assert found[:3] == ["/files/{file}", "/gists/public", "/gists/{gist_id}"]
    assert len(found) == 6


def test_countries_and_languages_are_one_parameter() -> None:
    assert templates([f"/{code}/help" for code in ("en-US", "de-DE", "pt-BR")]) == ["/{locale}/help"]
    assert templates([f"/countries/{code}" for code in ("US", "GB", "FR", "JP")]) == ["/countries/{locale}"]


_NOISE = random.Random(5)
IDS = [f"/plans/{''.join(_NOISE.choices('abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789', k=20))}" for _ in range(40)]
RANDOM = ["".join(_NOISE.choices("bcdfghjklmnpqrstvwxz", k=10)) for _ in range(30)]
RPC = [f"/rpc/{name}" for name in ("addMember", "balances", "createUser", "findProject", "getOrder", "getUser", "listOrders", "listUsers", "sendInvoice", "setPassword")]
HARD = [
    ([f"/calls/CA{n:032x}.json" for n in range(9)], ["/calls/{call_id}.json"]),
    ([f"/compare/{n:040x}..{n + 1:040x}" for n in range(1, 20)], ["/compare/{compare_id}"]),
    ([f"/v1/projects/{n}:undelete" for n in range(9)] + [f"/v1/projects/{n}" for n in range(9)], ["/v1/projects/{project_id}", "/v1/projects/{project_id}:undelete"]),
    ([f"/cars;colour=red;n={n}" for n in range(20)] + [f"/cars/{n};v=1" for n in range(20)], ["/cars/{car_id};v={v}", "/cars;colour={colour};n={n}"]),
    ([f"/users;id={n}/orders" for n in range(20)] + [f"/users;page={n};id={n}/orders/{n}" for n in range(20)], ["/users;id={id}/orders", "/users;page={page};id={id}/orders/{order_id}"]),
    ([f"/users;id={n}" for n in range(20)] + ["/users"], ["/users"]),
    ([f"/carts/{n};id={n}" for n in range(100)] + [f"/account;jsessionid={n:032x}" for n in range(20)], ["/account;jsessionid={jsessionid}", "/carts/{cart_id};id={id}"]),
    ([f"/macs/{n:02x}:11:00:ec:39:{end}" for n, end in enumerate(("a0", "05", "b4", "17", "ff", "cd", "09"))], ["/macs/{mac_id}"]),
    ([f"/people/urn:li:person:{end}" for end in ("YFpTGPFbBZ", "vRJcJtOFbC", "nUlRevKyUy", "x7K2Pq9Rtw")], ["/people/{people}"]),
    ([f"/odata/Customers('C{n:04}')/Orders" for n in range(20)], ["/odata/Customers('{Customer_id}')/Orders"]),
    ([f"/odata/Customers('{word}')/Orders" for word in ("ALFKI", "BERGS", "bolid")], ["/odata/Customers('{Customer_id}')/Orders"]),
    ([f"/odata/Customers(%27{word}%27)" for word in ("alfki", "chop-suey")] + ["/odata/Customers()", "/odata/$metadata"],
     ["/odata/$metadata", "/odata/Customers(%27{Customer_id}%27)", "/odata/Customers()"]),
    (["/wiki/Mercury_(planet)", "/wiki/Mercury_(element)"], ["/wiki/Mercury_(element)", "/wiki/Mercury_(planet)"]),
    ([f"/{version}/users/{n}" for version in ("v1", "v2.1") for n in range(9)] + [f"/{day}/accounts/{n}" for day in ("2023-06-15", "2024-01-01") for n in range(9)],
     ["/2023-06-15/accounts/{account_id}", "/2024-01-01/accounts/{account_id}", "/v1/users/{user_id}", "/v2.1/users/{user_id}"]),
    ([f"/api/{n % 2 + 1}/items/{n}" for n in range(40)], ["/api/1/items/{item_id}", "/api/2/items/{item_id}"]),
    ([f"/users/{n % 2 + 1}/items/{n}" for n in range(40)], ["/users/{user_id}/items/{item_id}"]),
    ([f"/packages/{name}{('', f'/{n}.4.{n + 2}', f'/{n}.9.1/files')[n % 3]}" for n, name in enumerate(["pad", "chalk", "@types%2Fnode", "lodash", *(f"{w}{v}" for w in ("saw", "plane", "drill", "axe") for v in ("kit", "box", "set", "bit", ".js"))])],
     ["/packages/{package}", "/packages/{package}/{id}", "/packages/{package}/{id}/files"]),
    ([f"/links/{code}" for code in ("0PA3XY", "0f2chl", "1FkNhE", "1SSDIv", "1XbfgC", "1r9D3D", "NIwLTR", "ZSpeJT")], ["/links/{link_id}"]),
    ([f"/posts/{a}-{b}" for a in ("lantern", "silver", "maple", "onyx") for b in ("bravo", "tundra", "ember", "delta")] + ["/posts/trending"] * 200, ["/posts/trending", "/posts/{post}"]),
    ([f"/cities/{name}" for name in ("berlin", "oslo", "lima", "rome", "kyiv", "bern", "dakar", "quito", "cairo", "paris")] + ["/cities/berlin", "/cities/nearby"] * 60, ["/cities/nearby", "/cities/{city}"]),
    ([f"/services/PX{n:03}QA" for n in range(9)] + ["/incidents/4/services/PX9P3QB/impacts", "/incidents/5/services/PX9P3QB/impacts", "/incidents/5/services/impacts"],
     ["/incidents/{incident_id}/services/impacts", "/incidents/{incident_id}/services/{service_id}/impacts", "/services/{service_id}"]),
    (["/boards/url_slugs/zephyr/impacts", "/boards/url_slugs/prairie/impacts", "/boards/url_slugs/zephyr", "/users/by-city/berlin", "/users/by-city/oslo", "/users/bylaws"],
     ["/boards/url_slugs/{url_slug}", "/boards/url_slugs/{url_slug}/impacts", "/users/by-city/{by_city}", "/users/bylaws"]),
    (RPC, RPC),
    ([f"/users/{name}" for name in ("anna", "bob", "carl", "dora", "emil", "fred", "gina", "hugo", "ida", "jan", "me", "search")], ["/users/me", "/users/search", "/users/{user}"]),
    ([f"/customers/cus_{rest}" for rest in ("Nf8tR2Wn", "Lk3pQ9Zx", "Ab1cD2eF", "Gh7jK4mN", "Pq5rS6tU", "Vw8xY9zA", "Bc2dE3fG", "Hj4kL5mP", "NeJtrWnc")], ["/customers/{customer}"]),
    ([f"/rates/{a}/{b}" for a, b in zip(("EUR", "USD", "GBP", "JPY", "CHF", "SEK"), ("USD", "GBP", "JPY", "CHF", "SEK", "EUR"), strict=True)], ["/rates/{rate}/{id}"]),
    ([f"/people/{name}@mail.example" for name in ("ann", "bob", "cid", "dee", "eve")], ["/people/{email}"]),
    ([f"/days/2024-05-{n:02}" for n in range(1, 29)], ["/days/{date}"]),
    ([f"/api/v{n}/health" for n in (1, 2)], ["/api/v1/health", "/api/v2/health"]),
    ([f"/orders/{n}" for n in range(30)] + ["/orders/export", "/orders/search"], ["/orders/export", "/orders/search", "/orders/{order_id}"]),
    ([f"/blog/{a}-{b}-{n}" for n, (a, b) in enumerate(zip(["red", "old", "big"] * 4, ["fox", "car", "sun", "sea"] * 3, strict=True))], ["/blog/{blog}"]),
    ([f"/blobs/{w}=" for w in ("aGVsbG8gd29ybGQh", "Zm9vIGJhciBiYXo5", "c2Vuc29yIG1hcCAx", "dGVtcGxhdGVzIHR3")], ["/blobs/{blob_id}"]),
    ([f"/pictures/{n}/large.{kind}" for n in range(9) for kind in ("png", "jpg")], ["/pictures/{picture_id}/large.{format}"]),
    ([f"/hooks/{n}" for n in range(9)] + ["/hooks/type/PORT_IN", "/hooks/type/PORT_OUT"], ["/hooks/type/{type}", "/hooks/{hook_id}"]),
    ([f"/users/{n}/folders/0" for n in range(20)], ["/users/{user_id}/folders/0"]),
    (["/Invoices", "/Invoices/LP6", "/Ledgers", "/Ledgers/AF5082", "/Ledgers/summary"], ["/Invoices", "/Invoices/{Invoice_id}", "/Ledgers", "/Ledgers/summary", "/Ledgers/{Ledger_id}"]),
    (["/buckets/S3", "/oauth/OAUTH2"], ["/buckets/S3", "/oauth/OAUTH2"]),
    ([*(f"/plans/{n * 7919:024x}" for n in range(1, 20)), *IDS, "/plans/HqfCmcWLERLOnLftfEom", "/plans/summary"], ["/plans/summary", "/plans/{plan_id}"]),
    (["/voice/cities/rome-12", "/voice/cities/lima", "/text/cities/oslo-7", "/text/cities/oslo-9", "/text/cities/kyoto", "/fax/cities/cairo", "/fax/cities/bern-3", "/fax/cities/kyoto"],
     ["/fax/cities/{city}", "/text/cities/{city}", "/voice/cities/{city}"]),
    (["/voice/cities/rome-12", "/voice/cities/lima-1", "/text/cities/oslo-7", "/text/cities/oslo-9", *["/text/cities/nearest"] * 9],
     ["/text/cities/nearest", "/text/cities/{city}", "/voice/cities/{city}"]),
    ([f"/stores/{n}/tags/{scope}/{key}" for n, key in enumerate(RANDOM) for scope in ("own", "shared")], ["/stores/{store_id}/tags/{tag}/{id}"]),
]


@pytest.mark.parametrize(("paths", "expected"), HARD, ids=[expected[0] for _, expected in HARD])
def test_hard_segments(paths: list[str], expected: list[str]) -> None:
    assert templates(paths) == expected
    assert mapped([("GET", path, 200) for path in paths]).label(batch([("GET", path, 200) for path in paths]))[0].null_count == 0


def test_words_that_choose_a_view_of_the_same_values_are_one_parameter_wherever_they_stand() -> None:
    keys = [f"{n * 7919:024x}" for n in range(1, 30)]
    paths = [f"/files/{n}/metadata/{scope}/{key}" for n, key in enumerate(keys) for scope in ("global", "enterprise")]
    paths += [f"/folders/{n}/metadata/{scope}/{n * 104_729:024x}" for n in range(1, 9) for scope in ("global", "enterprise")]
    assert templates(paths) == [
        "/files/{file_id}/metadata/{metadata}/{id}",
        "/folders/{folder_id}/metadata/{metadata}/{id}",
    ]


def relation(kinds: tuple[str, ...], back: tuple[str, ...]) -> list[str]:
    paths = [f"/{kind}/{n}{end}" for kind in kinds for n in range(20) for end in ("", "/tags", "/change_tags")]
    paths += [f"/tags/{n}" for n in range(20)] + [f"/tags/{n}/{kind}" for kind in back for n in range(20)]
    return templates(paths)


def test_a_relation_between_any_kinds_of_things_is_one_endpoint_each_way() -> None:
    found = relation(("users", "teams", "policies"), ("users", "teams", "policies"))
    assert [one for one in found if "tags/{id}" in one or "tags" in one.rpartition("/")[2]] == [
        "/tags/{id}/{type}",
        "/{type}/{id}/change_tags",
        "/{type}/{id}/tags",
    ]
    assert "/users/{user_id}" in found


def test_collections_that_happen_to_share_a_name_stay_apart() -> None:
    found = relation(("users", "teams", "policies", "posts"), ("users", "teams", "policies"))
    assert "/users/{user_id}/tags" in found
    found = relation(("users", "teams"), ("users", "teams"))
    assert "/users/{user_id}/tags" in found


def hosts_mapped(calls: dict[str, list[str]]) -> Catalogue:
    catalogue = Catalogue()
    for host, paths in calls.items():
        catalogue.observe(batch([("GET", path, 200) for path in paths], host))
    catalogue.finish()
    return catalogue


def test_the_hosts_of_tenants_are_one_service() -> None:
    names = ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "wonka", "tyrell"]
    catalogue = hosts_mapped({f"{name}.api.example": [f"/users/{n}", "/users", "/orders/7"] for n, name in enumerate(names)})
    assert [one.name for one in catalogue.endpoints()] == [
        "GET {tenant}.api.example/orders/{order_id}",
        "GET {tenant}.api.example/users",
        "GET {tenant}.api.example/users/{user_id}",
    ]
    assert catalogue.label(batch([("GET", "/users/99", 200)], "hooli.api.example"))[0].to_pylist() == ["/users/{user_id}"]


def test_services_of_one_domain_stay_apart() -> None:
    services = ["auth", "files", "orders", "users", "search", "billing", "media", "chat", "mail", "status"]
    catalogue = hosts_mapped({f"{name}.api.example": [f"/{name}/{n}" for n in range(9)] + ["/health"] for name in services})
    assert len({one.host for one in catalogue.endpoints()}) == len(services)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(SEGMENTS, min_size=1, max_size=4), min_size=1, max_size=60), st.sampled_from([200, 404, None]))
def test_a_batch_just_observed_is_labelled_as_any_other(paths: list[list[str]], status: int | None) -> None:
    """The first label of a batch comes from the tree's own cells, every later one from the templates."""
    catalogue = Catalogue(CatalogueLimits(values=2))
    for at in range(0, len(paths), 10):
        calls: list[tuple[str, str, int | None]] = [("GET", "/" + "/".join(parts), 200 if at else status) for parts in paths[at : at + 10]]
        one, same = batch(calls), batch(calls)
        catalogue.observe(one)
        assert catalogue.label(one)[0].to_pylist() == catalogue.label(same)[0].to_pylist()
        assert catalogue.label(one)[0].to_pylist() == catalogue.label(same)[0].to_pylist()


def test_the_generation_grows_when_labels_change_and_only_then() -> None:
    catalogue = Catalogue()
    catalogue.observe(batch([("GET", f"/users/{n}", 200) for n in range(40)]))
    catalogue.endpoints()
    before = catalogue.generation
    catalogue.observe(batch([("GET", f"/users/{n}", 200) for n in range(40, 80)]))
    catalogue.finish()
    assert catalogue.generation == before
    other = Catalogue()
    other.observe(batch([("GET", "/users/7", 200)]))
    other.endpoints()
    before = other.generation
    other.observe(batch([("GET", "/orders", 200)]))
    other.finish()
    assert other.generation > before


def test_tenants_past_the_limit_of_hosts_stand_with_their_service() -> None:
    catalogue = Catalogue(CatalogueLimits(hosts=20))
    for n in range(40):
        catalogue.observe(batch([("GET", f"/users/{n}", 200), ("GET", "/orders", 200)], f"shop{n}.api.example"))
        catalogue.endpoints()
    catalogue.finish()
    assert [(one.name, one.calls) for one in catalogue.endpoints()] == [
        ("GET {tenant}.api.example/orders", 40),
        ("GET {tenant}.api.example/users/{user_id}", 40),
    ]
