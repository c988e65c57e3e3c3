// The edge in front of the API: ends TLS, asks for a certificate and hands it on (RFC 9440), whatever the client wrote in its place.
// `node edge.mjs FILE`: FILE says which port of loopback it stands before. It prints its address, and ends with its standard input.
import { readFileSync } from "node:fs";
import { request as ask } from "node:http";
import { createServer } from "node:https";

const known = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tls = { key: known.tls.key, cert: known.tls.certificate, ca: known.tls.authority, requestCert: true, rejectUnauthorized: false };
const edge = createServer(tls, (request, response) => {
  const { method, url: path, socket } = request;
  const headers = { ...request.headers };
  delete headers["client-cert"];
  if (socket.authorized) headers["client-cert"] = `:${socket.getPeerX509Certificate().raw.toString("base64")}:`;
  const onward = ask({ host: "127.0.0.1", port: known.port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});
edge.listen(0, "127.0.0.1", () => console.log(`https://127.0.0.1:${edge.address().port}`));
process.stdin.resume().on("end", () => process.exit());
