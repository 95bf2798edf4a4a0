// Node's HTTP client against wire_server.mjs. usage: node wire_client.mjs HOST PORT
import http from "node:http";
const [host, port] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
const call = (method, path, { pieces = [], trailers, headers = {} } = {}) => new Promise((done, failed) => {
  const request = http.request({ host, port, method, path, agent, headers }, (response) => {
    response.resume();
    response.on("end", () => done(response));
  });
  request.on("error", failed);
  for (const piece of pieces) request.write(piece);
  if (trailers) request.addTrailers(trailers);
  request.end();
});
for (let turn = 0; turn < 3; turn += 1) {
  await call("GET", `/v1/stream?turn=${turn}`);
  await call("GET", "/v1/hints");
  await call("POST", "/v1/rows", {
    pieces: ['{"rows":[', "1,".repeat(700 + turn), "1]}"], headers: { "content-type": "application/json", "transfer-encoding": "chunked", trailer: "x-signature" }, trailers: { "x-signature": `sig-${turn}` },
  });
  await Promise.all([call("HEAD", "/v1/rows"), call("DELETE", `/v1/rows/${turn}`), call("GET", "/v1/empty"), call("GET", "/v1/events")]);
}
agent.destroy();
