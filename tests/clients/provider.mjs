// A certified OpenID provider (oidc-provider) on loopback as the issuer of our access tokens. `node provider.mjs FILE`: FILE says where
// it listens, who its clients and people are, and what the resources want in their tokens. Each start makes new keys. It prints its
// address when it listens, and ends with its standard input, so that it never outlives the test.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { CompactEncrypt, exportJWK, generateKeyPair, importJWK } from "jose"; // comes with oidc-provider
import Provider, { interactionPolicy } from "oidc-provider";

const LEVELS = ["low", "substantial", "high"].map((level) => `http://eidas.europa.eu/LoA/${level}`);
const known = JSON.parse(readFileSync(process.argv[2], "utf8"));
const issuer = `https://127.0.0.1:${known.port}`;
const identityKey = await importJWK(known.identityKey, "RSA-OAEP-256");

async function signingKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: "sig" };
}

// Nobody clicks: whoever is named in login_hint logs in, at the level that was asked for.
const policy = interactionPolicy.base();
policy.get("consent").checks.remove("native_client_prompt");

async function grantSilently({ oidc }) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
  grant.addOIDCScope("openid");
  for (const [resource, server] of Object.entries(oidc.resourceServers)) grant.addResourceScope(resource, server.scope);
  await grant.save();
  return grant;
}

const pseudonym = (login) => createHash("sha256").update(`${known.salt}|${login}`).digest("hex").slice(0, 32);

async function proof(login) {
  const { bsn } = known.people[login];
  if (!bsn) return {};
  const sealed = new CompactEncrypt(Buffer.from(bsn)).setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM" });
  return { bsn_encrypted: await sealed.encrypt(identityKey) };
}

async function extraTokenClaims({ oidc }, token) {
  if (token.kind === "ClientCredentials") return { azp: token.clientId, oin: oidc.client.oin };
  const { represents } = known.people[token.accountId];
  const whom = represents && { represents: { iss: issuer, sub: pseudonym(represents), ...(await proof(represents)) } };
  return { azp: token.clientId, acr: oidc.entities.AuthorizationCode.acr, ...(await proof(token.accountId)), ...whom };
}

const provider = new Provider(issuer, {
  clients: known.clients,
  clientDefaults: { id_token_signed_response_alg: "ES256", grant_types: ["client_credentials"], redirect_uris: [], response_types: [] },
  extraClientMetadata: { properties: ["oin"] },
  clientAuthMethods: ["none", "private_key_jwt", "tls_client_auth"],
  enabledJWA: { clientAuthSigningAlgValues: ["ES256"], idTokenSigningAlgValues: ["ES256"] },
  jwks: { keys: [await signingKey("ES256"), await signingKey("PS256")] },
  cookies: { keys: [known.salt] },
  responseTypes: ["code"],
  subjectTypes: ["pairwise"],
  pairwiseIdentifier: (_, login) => pseudonym(login),
  acrValues: LEVELS,
  findAccount: (_, login) => login in known.people && { accountId: login, claims: () => ({ sub: login }) },
  interactions: { policy, url: (_, { uid }) => `/interaction/${uid}` },
  loadExistingGrant: grantSilently,
  extraTokenClaims,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({ accessTokenFormat: "jwt", ...known.resources[resource] }),
    },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      getCertificate: ({ socket }) => socket.getPeerX509Certificate(),
      certificateAuthorized: ({ socket }) => socket.authorized,
      certificateSubjectMatches: ({ socket }, _, expected) => socket.getPeerX509Certificate().subject === expected,
    },
  },
});

async function logIn(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const login = { accountId: params.login_hint, acr: params.acr_values?.split(" ")[0] ?? LEVELS[0], remember: false };
  await provider.interactionFinished(request, response, login.accountId in known.people ? { login } : { error: "access_denied" });
}

const serve = provider.callback();
const tls = { key: known.tls.key, cert: known.tls.certificate, ca: known.tls.authority, requestCert: true, rejectUnauthorized: false };
createServer(tls, (request, response) =>
  request.url.startsWith("/interaction/") ? logIn(request, response) : serve(request, response),
).listen(known.port, "127.0.0.1", () => console.log(issuer));
process.stdin.resume().on("end", () => process.exit());
