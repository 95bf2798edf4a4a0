// Node's HTTP server, for what nginx does not do: trailers both ways, early hints, chunked bodies in many pieces. Logs a JSON line a call on stdout.
// usage: node wire_server.mjs ADDRESS PORT
import http from "node:http";
const [address, port] = process.argv.slice(2);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const server = http.createServer(async (request, response) => {
  let taken = 0;
  for await (const piece of request) taken += piece.length;
  let given = 0;
  const write = (text) => { given += Buffer.byteLength(text); response.write(text); };
  const send = (status, text, headers = {}) => { response.writeHead(status, { "content-type": "application/json", ...headers }); if (text && request.method !== "HEAD") write(text); };
  const path = request.url.split("?")[0];
  if (path === "/v1/stream") {
    response.writeHead(200, { "content-type": "application/x-ndjson", trailer: "x-checksum, x-rows" });
    for (let row = 0; row < 12; row += 1) { write(JSON.stringify({ row, text: "x".repeat(row * 40) }) + "\n"); if (row % 3 === 0) await pause(4); }
    response.addTrailers({ "x-checksum": "crc32=1c291ca3", "x-rows": "12" });
  } else if (path === "/v1/hints") {
    response.writeEarlyHints({ link: "</v1/style>; rel=preload; as=fetch" });
    await pause(5);
    send(200, JSON.stringify({ hinted: true }), { "content-length": 15 });
  } else if (path === "/v1/empty") {
    send(204, "");
  } else if (path === "/v1/events") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    for (let event = 1; event <= 5; event += 1) { write(`id: ${event}\nevent: tick\ndata: {"n":${event}}\n\n`); await pause(30); }
  } else {
    send(200, JSON.stringify({ took: taken, trailers: request.trailers, method: request.method }));
  }
  response.end();
  console.log(JSON.stringify({
    time: Date.now() / 1000, client: request.socket.remoteAddress.replace("::ffff:", ""), port: request.socket.remotePort, method: request.method,
    host: request.headers.host, target: request.url, status: response.statusCode, bytes: given, request_bytes: taken, protocol: `HTTP/${request.httpVersion}`,
  }));
});
server.keepAliveTimeout = 60000;
server.listen(Number(port), address);
