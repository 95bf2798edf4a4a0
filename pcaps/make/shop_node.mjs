// A single-page application's server side: Node's fetch (undici) with keep-alive and JSON.
const [shop, seconds, number, name] = process.argv.slice(2);
const until = Date.now() + 1000 * Number(seconds);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const login = await fetch(`${shop}/api/v1/login`, {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ email: `${name}@example.com`, password: `${name}-pass-${number}` }),
});
const { token } = await login.json();
const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
for (let turn = 0; Date.now() < until; turn += 1) {
  const list = await (await fetch(`${shop}/api/v1/products?page=${1 + (turn % 6)}`, { headers })).json();
  await Promise.all(list.products.slice(0, 2).map(async (one) => (await fetch(`${shop}/api/v1/products/${one.sku}`, { headers })).json()));
  await pause(900 + 350 * (turn % 4));
  await (await fetch(`${shop}/api/v1/orders`, { headers })).json();
  await pause(2200);
}
